package consulting.lmx.conversation.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.MongoDatabase;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Service.Ended;
import consulting.lmx.conversation.testsupport.TestServer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bson.Document;
import org.bson.types.ObjectId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command {@code erase} of the packaged jar. */
class EraseIT {

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final MongoDatabase database = client.getDatabase(name);
    private final MongoCollection<Document> conversations = database.getCollection("conversations");
    private final MongoCollection<Document> blocks = database.getCollection("conversation_blocks");

    @TempDir
    Path folder;

    @BeforeEach
    void store() {
        store("ann", 2);
        store("Ann", 1);
        store("bob", 1);
        block(new ObjectId(), 0); // an orphan of a deleted conversation
    }

    @AfterEach
    void drop() {
        database.drop();
        client.close();
    }

    private void store(String user, int count) {
        for (int i = 0; i < count; i++) {
            ObjectId id = new ObjectId();
            String text = user + "-" + i;
            conversations.insertOne(new Document("_id", id)
                    .append("conversationId", text)
                    .append("sessionId", text)
                    .append("userId", user)
                    .append("movedMessages", 300)
                    .append("messages", List.of()));
            IntStream.of(0, 100, 200).forEach(first -> block(id, first));
        }
    }

    private void block(ObjectId conversation, int first) {
        blocks.insertOne(new Document("_id", new Document("conversation", conversation).append("first", first))
                .append("messages", List.of(new Document("content", "private"))));
    }

    private Ended run(String input, String... arguments) throws Exception {
        return Service.run(folder, input, Map.of("MONGODB_URI", TestServer.uri(), "MONGODB_DB", name), arguments);
    }

    @Test
    void allDataOfTheUserIsDeletedAndCounted() throws Exception {
        Ended erased = run("", "erase", "--user", "ann", "--yes", "--json");
        assertThat(erased.code()).as(erased.err()).isZero();
        assertThat(erased.out().strip()).isEqualTo("{\"conversations\":2,\"blocks\":7}");
        assertThat(erased.err()).contains("event=audit-erasure").doesNotContain("private");
        assertThat(conversations.find().map(document -> document.getString("userId")))
                .containsExactlyInAnyOrder("Ann", "bob");
        assertThat(blocks.countDocuments()).isEqualTo(6);

        Ended again = run("", "erase", "--user", "ann", "--yes");
        assertThat(again.code()).isZero();
        assertThat(again.out()).contains("0 conversations and 0 blocks");
    }

    @Test
    void nothingIsDeletedWithoutConfirmation() throws Exception {
        assertThat(run("no\n", "erase", "--user", "ann").code()).isEqualTo(2);
        assertThat(run("", "erase", "--user", " ", "--yes").code()).isEqualTo(2);
        assertThat(run("", "erase", "--yes").code()).isEqualTo(2);
        assertThat(conversations.countDocuments()).isEqualTo(4);
        assertThat(blocks.countDocuments()).isEqualTo(13);
        assertThat(run("yes\n", "erase", "--user", "ann").code()).isZero();
        assertThat(conversations.countDocuments()).isEqualTo(2);
    }

    @Test
    void unreachableDatabaseIsReported() throws Exception {
        Ended ended = Service.run(
                folder,
                "",
                Map.of("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"),
                "erase",
                "--user",
                "ann",
                "--yes");
        assertThat(ended.code()).isEqualTo(3);
        assertThat(ended.err()).contains("The database could not be reached");
        assertThat(conversations.countDocuments()).isEqualTo(4);
    }
}
