package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.LogCapture;
import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Inject;
import java.time.Duration;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class AbandonedOperationsTest {

    @Inject
    ReactiveMongoClient client;

    private LogCapture log;

    @BeforeEach
    void listen() {
        log = new LogCapture("");
    }

    @AfterEach
    void leave() {
        log.close();
    }

    @Test
    void rejectionByTheDatabaseIsOneLineWithoutContents() {
        var documents = client.getDatabase(TestServer.newDatabase()).getCollection("documents");
        Document stored = new Document("_id", "the only one");
        Throwable rejection = documents
                .insertOne(stored)
                .chain(() -> documents.insertOne(stored))
                .onItemOrFailure()
                .transform((done, failure) -> failure)
                .await()
                .atMost(Duration.ofSeconds(10));

        Infrastructure.handleDroppedException(rejection);

        assertThat(log.lines("abandoned-operation-failed"))
                .containsExactly(
                        "INFO event=abandoned-operation-failed code=11000 class=com.mongodb.MongoWriteException");
        assertThat(log.lines("had to drop")).isEmpty();
    }

    @Test
    void otherFailuresKeepTheirStackTrace() {
        Infrastructure.handleDroppedException(new IllegalStateException("a defect"));

        assertThat(log.lines("failure-dropped"))
                .singleElement()
                .asString()
                .startsWith("ERROR event=failure-dropped")
                .contains("a defect", "\tat ");
    }
}
