package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoDatabase;
import com.mongodb.client.model.Collation;
import com.mongodb.client.model.CreateCollectionOptions;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Collections with a case-insensitive default collation, which equates {@code ALICE} and {@code alice}. */
class CollationIT {

    private static final String[] ALICE = {"Authorization", "Bearer " + Tokens.of("alice")};
    private static final String[] OTHER = {"Authorization", "Bearer " + Tokens.of("ALICE")};
    private static final String ID = "shared";

    private final String name = TestServer.newDatabase();
    private MongoClient client;
    private MongoDatabase database;

    @BeforeEach
    void create() {
        TestServer.assumeGenuine("collations");
        client = MongoClients.create(TestServer.uri());
        database = client.getDatabase(name);
        Collation caseless = Collation.builder()
                .locale("en")
                .collationStrength(com.mongodb.client.model.CollationStrength.SECONDARY)
                .build();
        for (String collection : List.of("conversations", "conversation_blocks")) {
            database.createCollection(collection, new CreateCollectionOptions().collation(caseless));
        }
    }

    @AfterEach
    void drop() {
        if (client != null) {
            database.drop();
            client.close();
        }
    }

    @Test
    void callersWithNamesThatDifferInCaseAreDifferentCallers() throws Exception {
        try (Service service = Service.start(Service.settings(name)).awaitReady()) {
            String path = "/api/conversation/" + ID;
            assertThat(service.post(path + "/message", "{\"content\": \"secret\"}", ALICE)
                            .statusCode())
                    .isEqualTo(201);
            String session =
                    database.getCollection("conversations").find().first().getString("sessionId");

            for (String route :
                    List.of(path, path + "/messages", path + "/export", path + "/events", "/api/session/" + session)) {
                assertThat(service.get(route, OTHER).statusCode()).as(route).isEqualTo(404);
            }
            assertThat(service.get("/api/conversation", OTHER).body()).doesNotContain(ID);
            assertThat(service.post(path + "/message", "{\"content\": \"forged\"}", OTHER)
                            .statusCode())
                    .isEqualTo(404);
            assertThat(service.delete(path, OTHER).statusCode()).isEqualTo(404);
            assertThat(service.delete("/api/conversation?confirm=all", OTHER).body())
                    .isEqualTo("{\"deleted\":0}");
            assertThat(service.get("/api/session/" + session.toUpperCase(java.util.Locale.ROOT), ALICE)
                            .statusCode())
                    .isEqualTo(404);
            assertThat(service.get("/api/conversation/SHARED", ALICE).statusCode())
                    .isEqualTo(404);
            assertThat(service.post("/api/conversation/SHARED/message", "{\"content\": \"own\"}", OTHER)
                            .statusCode())
                    .isEqualTo(201);
            assertThat(service.get(path, ALICE).body()).contains("secret").doesNotContain("forged");
        }
    }

    @Test
    void keysThatDifferInCaseAloneAreDifferentCalls() throws Exception {
        try (Service service = Service.start(Service.settings(name)).awaitReady()) {
            String path = "/api/conversation/" + ID + "/message";
            service.post(path, "{\"content\": \"a\"}", "Authorization", ALICE[1], "Idempotency-Key", "key");
            HttpResponse<String> second =
                    service.post(path, "{\"content\": \"b\"}", "Authorization", ALICE[1], "Idempotency-Key", "KEY");
            assertThat(second.statusCode()).isEqualTo(200);
            for (int i = 0; i < 310; i++) {
                service.post(path, "{\"content\": \"more\"}", ALICE);
            }
            await().until(() -> database.getCollection("conversation_blocks").countDocuments() > 0);
            assertThat(IntStream.of(
                                    service.post(
                                                    path,
                                                    "{\"content\": \"a\"}",
                                                    "Authorization",
                                                    ALICE[1],
                                                    "Idempotency-Key",
                                                    "key")
                                            .statusCode(),
                                    service.post(
                                                    path,
                                                    "{\"content\": \"b\"}",
                                                    "Authorization",
                                                    ALICE[1],
                                                    "Idempotency-Key",
                                                    "KEY")
                                            .statusCode())
                            .toArray())
                    .containsExactly(201, 200);
            assertThat(Document.parse(service.get("/api/conversation/" + ID, ALICE)
                                    .body())
                            .getInteger("messageCount"))
                    .isEqualTo(312);
        }
    }
}
