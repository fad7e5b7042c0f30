package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.UUID;
import java.util.stream.IntStream;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/** The filter for the conversations after a position of a list. */
@QuarkusTest
class ListPositionTest {

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    @Test
    void laterPageReadsNoMoreThanItShows() {
        TestServer.assumeGenuine("query plans");
        String user = "user-" + UUID.randomUUID();
        // A collection of its own: an array that another test stores would keep the server from reading the order from
        // the index.
        String collection = "listed-" + user;
        ReactiveMongoCollection<BsonDocument> listed =
                client.getDatabase(database).getCollection(collection, BsonDocument.class);
        listed.createIndex(BsonDocument.parse("{userId: 1, updatedAt: -1, _id: -1}"))
                .await()
                .indefinitely();
        listed.insertMany(IntStream.range(0, 300)
                        .mapToObj(i -> new BsonDocument("conversationId", new BsonString(user + i))
                                .append("sessionId", new BsonString(user + i))
                                .append("userId", new BsonString(user))
                                .append("updatedAt", new BsonDateTime(1_000 + i)))
                        .toList())
                .await()
                .indefinitely();
        BsonDocument find = new BsonDocument("find", new BsonString(collection))
                .append("filter", new ListPosition(new BsonDateTime(1_150), new BsonObjectId()).filter(user))
                .append("sort", BsonDocument.parse("{updatedAt: -1, _id: -1}"))
                .append("limit", new BsonInt32(11))
                .append("collation", BsonDocument.parse("{locale: 'simple'}"));
        BsonDocument explained = client.getDatabase(database)
                .runCommand(
                        new BsonDocument("explain", find).append("verbosity", new BsonString("executionStats")),
                        BsonDocument.class)
                .await()
                .indefinitely();
        BsonDocument stats = explained.getDocument("executionStats");
        assertThat(stats.getNumber("nReturned").intValue()).isEqualTo(11);
        assertThat(stats.getNumber("totalDocsExamined").intValue()).isLessThanOrEqualTo(12);
        assertThat(stats.getNumber("totalKeysExamined").intValue()).isLessThanOrEqualTo(30);
        assertThat(explained.toJson()).doesNotContain("\"stage\": \"SORT\"");
    }
}
