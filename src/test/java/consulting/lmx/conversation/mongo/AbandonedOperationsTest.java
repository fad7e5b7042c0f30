package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.bson.Document;
import org.jboss.logmanager.formatters.PatternFormatter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class AbandonedOperationsTest {

    private static final Logger ROOT = Logger.getLogger("");
    private static final PatternFormatter TEXT = new PatternFormatter("%p %s%e");

    @Inject
    ReactiveMongoClient client;

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            String line = TEXT.format(entry);
            if (line.contains("abandoned-operation-failed") || line.contains("had to drop")) {
                lines.add(line);
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void listen() {
        ROOT.addHandler(handler);
    }

    @AfterEach
    void leave() {
        ROOT.removeHandler(handler);
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

        assertThat(lines)
                .containsExactly(
                        "INFO event=abandoned-operation-failed code=11000 class=com.mongodb.MongoWriteException");
    }

    @Test
    void otherFailuresKeepTheirStackTrace() {
        Infrastructure.handleDroppedException(new IllegalStateException("a defect"));

        assertThat(lines)
                .singleElement()
                .asString()
                .startsWith("ERROR event=abandoned-operation-failed")
                .contains("a defect", "\tat ");
    }
}
