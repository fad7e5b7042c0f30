package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Service.Ended;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bson.Document;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The roles of docs/operations.md are sufficient: the test creates and uses each of them. */
class PrivilegesIT {

    private static final String DATABASE = "lmx-consulting";

    private static MongodProcess.Running server;
    private static MongoClient root;

    private final MongoCollection<Document> conversations =
            root.getDatabase(DATABASE).getCollection("conversations");

    @TempDir
    Path folder;

    @BeforeAll
    static void startServer() throws IOException {
        TestServer.assumeGenuine("users and privileges");
        server = MongodProcess.startWithAuthentication().orElse(null);
        Assumptions.assumeTrue(server != null, "no mongod on the PATH to start with authentication");
        try (MongoClient first = MongoClients.create(server.uri())) {
            first.getDatabase("admin").runCommand(Document.parse("{createUser: 'root', pwd: 'root', roles: ['root']}"));
        }
        root = MongoClients.create(uri("root", "admin"));
        String page = Files.readString(Path.of("docs/operations.md"));
        Matcher roles =
                Pattern.compile("(?s)db\\.createRole\\((\\{.*?\\n\\})\\)").matcher(page);
        while (roles.find()) {
            Document role = Document.parse(roles.group(1));
            Document command = new Document("createRole", role.remove("role"));
            command.putAll(role);
            root.getDatabase(DATABASE).runCommand(command);
            String name = command.getString("createRole");
            root.getDatabase(DATABASE)
                    .runCommand(new Document("createUser", name)
                            .append("pwd", name)
                            .append("roles", java.util.List.of(name)));
        }
    }

    @AfterAll
    static void stopServer() {
        if (root != null) {
            root.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void empty() {
        root.getDatabase(DATABASE).drop();
    }

    private static String uri(String user, String source) {
        return server.uri().replace("//", "//" + user + ":" + user + "@") + "?authSource=" + source;
    }

    private Ended run(String user, String... arguments) throws Exception {
        return Service.run(folder, "", Map.of("MONGODB_URI", uri(user, DATABASE)), arguments);
    }

    private Service serve(String user, String onStart) throws IOException {
        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        settings.put("MONGODB_URI", uri(user, DATABASE));
        settings.put("CONVERSATIONS_INTEGRITY_ON_START", onStart);
        return Service.start(settings);
    }

    @Test
    void verifierVerifies() throws Exception {
        conversations.insertOne(Document.parse("{conversationId: 'c', sessionId: null}"));
        assertThat(run("verifier", "verify").code()).isEqualTo(1);
        assertThat(run("healer", "heal").code()).isEqualTo(0);
        Ended verified = run("verifier", "verify");
        assertThat(verified.code()).as(verified.err()).isEqualTo(0);
    }

    @Test
    void healWithoutPrivilegesChangesNothingAndNamesThem() throws Exception {
        conversations.insertOne(Document.parse("{conversationId: 'c', sessionId: null}"));
        Ended refused = run("verifier", "heal");
        assertThat(refused.code()).as(refused.err()).isEqualTo(4);
        assertThat(refused.err()).contains("lacks this privilege").contains("docs/operations.md");
        assertThat(conversations.find().first()).doesNotContainKey("sessionIdRepair");
        assertThat(conversations.listIndexes()).hasSize(1);
    }

    /** A collection of an earlier version, without the symbol indexes that this user may not create. */
    @Test
    void writerServesAHealthyCollectionWithoutAHeal() throws Exception {
        assertThat(run("healer", "heal").code()).isEqualTo(0);
        conversations.dropIndex("sessionId_symbols");
        conversations.dropIndex("conversationId_symbols");
        try (Service service = serve("server", "repair")) {
            service.awaitReady();
            assertServes(service);
        }
    }

    @Test
    void writerServesAHealedCollection() throws Exception {
        assertThat(run("healer", "heal").code()).isEqualTo(0);
        try (Service service = serve("server", "verify")) {
            service.awaitReady();
            assertServes(service);
        }
    }

    @Test
    void healerHealsAndServes() throws Exception {
        conversations.insertOne(Document.parse("{conversationId: 'c', sessionId: null}"));
        try (Service service = serve("healer", "repair")) {
            service.awaitReady();
            assertServes(service);
            String report = service.get("/api/admin/integrity", "Authorization", "Bearer " + Tokens.of("root", "admin"))
                    .body();
            assertThat(report).contains("\"VERIFIED\"").contains("\"healed\":1").contains("\"validator\":\"strict\"");
            Ended smoke = run("verifier", "smoke", "--url", service.uri("").toString(), "--token", Tokens.of("smoker"));
            assertThat(smoke.code()).as(smoke.err()).isEqualTo(4);
            assertThat(smoke.err()).contains("The user of MONGODB_URI may not insert");
        }
    }

    private static void assertServes(Service service) throws Exception {
        String[] token = {"Authorization", "Bearer " + Tokens.of("ann")};
        assertThat(service.post("/api/conversation/start", "{}", token).statusCode())
                .isEqualTo(201);
        assertThat(service.post("/api/conversation/mine/message", "{\"content\": \"a\"}", token)
                        .statusCode())
                .isEqualTo(201);
        assertThat(service.post("/api/conversation/mine/message", "{\"content\": \"b\"}", token)
                        .statusCode())
                .isEqualTo(200);
        assertThat(service.get("/api/conversation/mine", token).statusCode()).isEqualTo(200);
        assertThat(service.get("/api/conversation", token).statusCode()).isEqualTo(200);
        assertThat(service.delete("/api/conversation/mine", token).statusCode()).isEqualTo(204);
    }
}
