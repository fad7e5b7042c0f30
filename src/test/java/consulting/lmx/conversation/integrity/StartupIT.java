package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.LegacyDump;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TcpProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.bson.BsonDocument;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The start of the packaged jar: the gate, the probes, an unreachable database, and a stop during a heal. */
class StartupIT {

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final MongoCollection<BsonDocument> conversations =
            client.getDatabase(name).getCollection("conversations", BsonDocument.class);

    @AfterEach
    void drop() {
        client.getDatabase(name).drop();
        client.close();
    }

    private Map<String, String> settings(Map<String, String> more) {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.putAll(more);
        return settings;
    }

    private long broken() {
        return conversations.countDocuments(
                Filters.or(Filters.not(Filters.type("sessionId", "string")), Filters.regex("sessionId", "^\\s*$")));
    }

    @Test
    void opensOnlyAfterTheHeal() throws Exception {
        conversations.insertMany(LegacyDump.documents());
        try (Service service = Service.start(settings(Map.of()))) {
            service.awaitReady();
            assertThat(broken()).isZero();
            HttpResponse<String> started =
                    service.post("/api/conversation/start", "{}", "Authorization", "Bearer " + Tokens.of("ann"));
            assertThat(started.statusCode()).isEqualTo(201);
            HttpResponse<String> report =
                    service.get("/api/admin/integrity", "Authorization", "Bearer " + Tokens.of("root", "admin"));
            assertThat(Document.parse(report.body()))
                    .containsEntry("state", "VERIFIED")
                    .containsEntry("left", 0)
                    .containsEntry("healed", 798);
            assertThat(service.log()).contains("event=verified").contains("event=step");
        }
    }

    @Test
    void opensWhenTheDatabaseBecomesAvailable() throws Exception {
        conversations.insertMany(LegacyDump.documents());
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = Service.start(settings(Map.of(
                        "MONGODB_URI",
                        proxy.uri() + "&serverSelectionTimeoutMS=300",
                        "QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT",
                        "300MS")))) {
            proxy.cut();
            service.awaitLive();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> service.get("/q/health/ready").body().contains("FAILED"));
            assertShut(service);

            proxy.restore();
            service.awaitReady();
            assertThat(broken()).isZero();
            assertThat(service.post("/api/conversation/start", "{}", "Authorization", "Bearer " + Tokens.of("ann"))
                            .statusCode())
                    .isEqualTo(201);
        }
    }

    private void assertShut(Service service) throws Exception {
        String token = "Bearer " + Tokens.of("ann");
        String admin = "Bearer " + Tokens.of("root", "admin");
        long before = conversations.countDocuments();
        for (HttpResponse<String> answer : List.of(
                service.post("/api/conversation/start", "{}", "Authorization", token),
                service.post("/api/conversation/start", "not even JSON"),
                service.post("/api/conversation/x/message", "{\"content\": \"a\"}", "Authorization", token),
                service.get("/api/conversation/x", "Authorization", token),
                service.get("/api/conversation/../conversation/x", "Authorization", token),
                service.get("//api/conversation/x", "Authorization", token),
                service.get("/api/nothing"),
                service.post("/api/admin/integrity", "{}", "Authorization", admin))) {
            assertThat(answer.statusCode()).as(answer.uri().toString()).isEqualTo(503);
            assertThat(answer.headers().firstValue("Retry-After").map(Integer::parseInt))
                    .get()
                    .matches(s -> s > 0);
            assertThat(answer.headers().firstValue("Content-Type")).contains("application/problem+json");
            assertThat(Document.parse(answer.body()))
                    .containsKeys("type", "title", "status", "detail", "instance", "errorId");
        }
        assertThat(conversations.countDocuments()).isEqualTo(before);
        HttpResponse<String> ready = service.get("/q/health/ready");
        assertThat(ready.statusCode()).isEqualTo(503);
        assertThat(ready.body())
                .contains("\"state\"")
                .contains("\"reason\"")
                .as("anybody may ask, so no host is named")
                .doesNotContain("127.0.0.1");
        assertThat(service.status("/q/health/live")).isEqualTo(200);
        assertThat(service.status("/q/health/started")).isEqualTo(200);
        assertThat(service.get("/api/admin/integrity", "Authorization", admin).statusCode())
                .isEqualTo(200);
        assertThat(service.status("/api/admin/integrity")).isEqualTo(401);
    }

    @Test
    void requestedHealIsLoggedWithItsCaller() throws Exception {
        Map<String, String> text = settings(Map.of("QUARKUS_LOG_CONSOLE_JSON_ENABLED", "false"));
        try (Service service = Service.start(text).awaitReady()) {
            String root = "Bearer " + Tokens.of("root\nevent=audit-heal who=\"nobody\"", "admin");
            HttpResponse<String> asked = service.post("/api/admin/integrity/heal", "", "Authorization", root);
            assertThat(asked.statusCode()).isEqualTo(202);
            String run = Document.parse(asked.body()).getString("run");
            await().atMost(Duration.ofSeconds(10)).until(() -> service.log().contains("event=audit-heal"));
            assertThat(service.log().lines().filter(line -> line.contains("event=audit-heal")))
                    .singleElement()
                    .asString()
                    .contains("who=\"root\\u000aevent=audit-heal who=\\\"nobody\\\"\" run=" + run + " dry-run=false");
        }
    }

    @Test
    void stopsWithinSecondsDuringAHealAndTheNextStartContinues() throws Exception {
        int size = TestServer.isGenuine() ? 40_000 : 3_000; // the embedded server looks through all for each update
        List<BsonDocument> many = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            many.add(BsonDocument.parse("{conversationId: 'c%d', sessionId: null, userId: 'u'}".formatted(i)));
        }
        conversations.insertMany(many);
        Map<String, String> slow = settings(Map.of("CONVERSATIONS_INTEGRITY_BATCH_SIZE", "1"));
        try (Service service = Service.start(slow)) {
            await().atMost(Duration.ofSeconds(60))
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> broken() < size);
            service.process().destroy();
            assertThat(service.process().waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(service.process().exitValue()).isIn(0, 143);
        }
        assertThat(broken()).isPositive();
        Map<Object, Object> healedBefore = healed();
        try (Service service = Service.start(settings(Map.of()))) {
            service.awaitReady();
        }
        assertThat(broken()).isZero();
        assertThat(healed()).containsAllEntriesOf(healedBefore);
    }

    private Map<Object, Object> healed() {
        Map<Object, Object> healed = new HashMap<>();
        conversations
                .find(Filters.exists("sessionIdRepair"))
                .forEach(document -> healed.put(document.get("_id"), document.get("sessionId")));
        return healed;
    }

    @Test
    void verifyModeStaysClosedAndWritesNothing() throws Exception {
        conversations.insertMany(LegacyDump.documents());
        long broken = broken();
        try (Service service = Service.start(settings(Map.of("CONVERSATIONS_INTEGRITY_ON_START", "verify")))) {
            service.awaitLive();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> service.get("/q/health/ready").body().contains("does not hold"));
            assertShut(service);
            assertThat(service.log()).doesNotContain("event=settings-not-applied");
            assertThat(broken()).isEqualTo(broken);
            assertThat(conversations.listIndexes()).hasSize(1);
        }
    }

    @Test
    void allowedOriginsComeFromTheEnvironment() throws Exception {
        String token = "Bearer " + Tokens.of("ann");
        try (Service service = Service.start(settings(Map.of("ALLOWED_ORIGINS", "https://chat.example")))) {
            service.awaitReady();
            HttpResponse<String> friend =
                    service.get("/api/conversation", "Authorization", token, "Origin", "https://chat.example");
            assertThat(friend.headers().firstValue("Access-Control-Allow-Origin"))
                    .contains("https://chat.example");
        }
        try (Service service = Service.start(settings(Map.of()))) {
            service.awaitReady();
            HttpResponse<String> behindAProxy = service.post(
                    "/api/conversation/start", "{}", "Authorization", token, "Origin", "https://127.0.0.1");
            assertThat(behindAProxy.statusCode()).isEqualTo(201);
            assertThat(behindAProxy.headers().firstValue("Access-Control-Allow-Origin"))
                    .isEmpty();
        }
    }

    @Test
    void offModeOpensAtOnceAndLogsTheRisk() throws Exception {
        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        try (Service service = Service.start(
                settings(Map.of("CONVERSATIONS_INTEGRITY_ON_START", "off", "CONVERSATIONS_RETENTION", "30D")))) {
            service.awaitReady();
            assertThat(service.get("/q/health/ready").body()).contains("UNCHECKED");
            assertThat(service.log())
                    .contains("WARN")
                    .contains("the service checked nothing")
                    .contains("event=settings-not-applied");
            assertThat(broken()).isEqualTo(1);
        }
    }

    @Test
    void startInProductionNamesAllMissingSettingsAndExits() throws Exception {
        try (Service service = Service.start(Map.of())) {
            assertThat(service.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(service.process().exitValue()).isNotZero();
            assertThat(service.log())
                    .contains("MONGODB_URI is not set")
                    .contains("Neither AUTH_SECRET nor AUTH_JWKS_URL is set");
        }
    }

    @Test
    void startNamesAllWrongSettings() throws Exception {
        Map<String, String> wrong = new HashMap<>(Map.of(
                "AUTH_SECRET", "short",
                "ALLOWED_ORIGINS", "*",
                "CONVERSATIONS_AUTH_DEV_USER", "anybody",
                "CONVERSATIONS_LIMITS_PAGE_SIZE", "0",
                "CONVERSATIONS_LIMITS_BODY_SIZE", "17M",
                "CONVERSATIONS_INTEGRITY_BATCH_SIZE", "10001",
                "CONVERSATIONS_RETENTION", "59S",
                "CONVERSATIONS_LIMTS_PAGE_SIZE", "10",
                "CONVERSATIONS_SERVICE_HOST", "10.0.0.1",
                "JAVA_TOOL_OPTIONS", "-Dconversations.limits.nonsense=1"));
        try (Service service = Service.start(wrong)) {
            assertThat(service.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(service.process().exitValue()).isNotZero();
            assertThat(service.log())
                    .contains("MONGODB_URI is not set, so there is no database")
                    .contains("AUTH_SECRET is shorter than 32 bytes")
                    .contains("dev-user is set")
                    .contains("ALLOWED_ORIGINS contains *, which is a pattern")
                    .contains("conversations.limits.page-size must be 1 to 100: correct it")
                    .contains("conversations.limits.body-size must be 100 to 4M: correct it")
                    .contains("conversations.integrity.batch-size must be 1 to 10000: correct it")
                    .contains("conversations.retention must be 1M to ")
                    .contains("CONVERSATIONS_LIMTS_PAGE_SIZE sets nothing")
                    .doesNotContain("CONVERSATIONS_SERVICE_HOST")
                    .contains("conversations.limits.nonsense in SysPropConfigSource does not map to any root");
        }
    }
}
