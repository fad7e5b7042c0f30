package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.model.Sorts;
import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.SigningKey;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.bson.BsonDocument;
import org.bson.Document;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;

/**
 * The packaged jar, once with a secret and once with keys to check tokens with, on one database: an owner's conversation is in
 * it, and one of Mallory, the stranger. At its end nothing has changed in it, liveness was UP throughout, and no failure stands in
 * the logs.
 */
final class Scene implements AutoCloseable {

    static final String OWNER = "owner";
    static final String ISSUER = "https://id.example";
    static final String AUDIENCE = "conversations";
    static final String MARKER = "known-to-its-owner-alone";
    static final String START_KEY = "key-of-the-owners-start";
    private static final String KEY = "key-of-the-owner";
    private static final String BY_KEY = "{\"content\": \"" + MARKER + " by key\"}";
    private static final int MESSAGES = 200;

    final SigningKey published = SigningKey.of("RS256");
    final SigningKey mallorys = SigningKey.of("RS256");
    final KeyServer keyServer = KeyServer.start();
    final KeyServer mallorysServer = KeyServer.start();
    final Words words = new Words();
    final Service bySecret;
    final Service byKeys;

    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final String database = TestServer.newDatabase();
    private final ScheduledExecutorService probe = Executors.newScheduledThreadPool(2);
    private final List<String> dead = new CopyOnWriteArrayList<>();
    private final AtomicLong alive = new AtomicLong();
    private final List<BsonDocument> before;
    private List<BsonDocument> lastSeen;

    Scene() throws Exception {
        keyServer.publish(published);
        mallorysServer.publish(mallorys);
        bySecret = Service.start(settings(Map.of("AUTH_SECRET_PREVIOUS", Forgery.PREVIOUS_SECRET)));
        byKeys = Service.start(settings(Map.of(
                "AUTH_SECRET",
                "",
                "AUTH_JWKS_URL",
                keyServer.url(),
                "AUTH_ISSUER",
                ISSUER,
                "AUTH_AUDIENCE",
                AUDIENCE,
                "CONVERSATIONS_AUTH_JWKS_REFRESH",
                "1S")));
        bySecret.awaitReady();
        byKeys.awaitReady();
        store();
        before = stored();
        lastSeen = before;
        probe.scheduleAtFixedRate(() -> probe(bySecret), 0, 100, TimeUnit.MILLISECONDS);
        probe.scheduleAtFixedRate(() -> probe(byKeys), 50, 100, TimeUnit.MILLISECONDS);
    }

    private Map<String, String> settings(Map<String, String> more) {
        Map<String, String> settings = new HashMap<>(Service.settings(database));
        settings.put("CONVERSATIONS_LIMITS_INLINE_MESSAGES", "100");
        settings.putAll(more);
        return settings;
    }

    /** Stores a conversation of the owner, in a document and a block, and one of the stranger. */
    private void store() throws Exception {
        String message = "{\"content\": \"" + MARKER + "\"}";
        Document owners = start(
                OWNER,
                "{\"title\": \"" + MARKER + "\", \"metadata\": {\"a\": \"" + MARKER + "\"}, \"messages\": [" + message
                        + ("," + message).repeat(MESSAGES / 2 - 1) + "]}",
                START_KEY);
        String path = "/api/conversation/" + owners.getString("conversationId") + "/message";
        String[] token = {"Authorization", "Bearer " + Tokens.of(OWNER)};
        for (int i = 0; i < MESSAGES / 2; i++) {
            assertThat(bySecret.post(path, message, token).statusCode()).isEqualTo(200);
        }
        HttpResponse<String> byKey = bySecret.post(path, BY_KEY, token[0], token[1], "Idempotency-Key", KEY);
        assertThat(byKey.statusCode()).isEqualTo(200);
        await("older messages are offloaded into a block")
                .until(() -> stored().stream()
                        .anyMatch(document -> document.getArray("messages").size() == MESSAGES / 2 + 1));
        Document own = start("mallory", "{}", "key-of-mallory");
        words(owners.getString("conversationId"), owners.getString("sessionId"), own.getString("conversationId"));
    }

    private Document start(String caller, String body, String key) throws Exception {
        HttpResponse<String> answer = bySecret.post(
                "/api/conversation/start",
                body,
                "Authorization",
                "Bearer " + Tokens.of(caller),
                "Idempotency-Key",
                key);
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
        return Document.parse(answer.body());
    }

    private void words(String owners, String session, String own) throws IOException {
        String token = Tokens.of("mallory");
        long now = Instant.now().getEpochSecond();
        String append = "POST /api/conversation/%s/message HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token
                + "\r\nContent-Type: application/json\r\n";
        String smuggled = append.formatted("smuggled") + "Content-Length: 15\r\n\r\n{\"content\":\"a\"}";
        words.put("owner", OWNER);
        words.put("OWNER", "OWNER");
        words.put("owners", owners);
        words.put("OWNERS", owners.toUpperCase(Locale.ROOT));
        words.put("own", own);
        words.put("session", session);
        words.put("token", token);
        words.put("as mallory", "Authorization: Bearer " + token);
        words.put("json", "Content-Type: application/json");
        words.put("append", append.formatted(owners));
        words.put("smuggled", smuggled);
        words.put("length of smuggled", String.valueOf(smuggled.length()));
        words.put("owner's key", KEY);
        words.put("owner's message", BY_KEY);
        words.put("issuer", ISSUER);
        words.put("later", String.valueOf(now + 3600));
        words.put("past", String.valueOf(now - 3600));
        words.put("audience", AUDIENCE);
        words.put("good", "\"iss\":\"" + ISSUER + "\",\"aud\":\"" + AUDIENCE + "\",\"exp\":" + (now + 3600));
        words.put("kid", published.id());
        words.put("jwk", new Document(mallorys.jwk().toParams(OutputControlLevel.PUBLIC_ONLY)).toJson());
        words.put("strange address", mallorysServer.url());
        words.put("gzip of 64 MiB", gzip(64 << 20));
        words.put("deep cursor", words.fill("<<64 {\"u\":null,\"i\":" + "[".repeat(1_300) + "]".repeat(1_300) + "}>>"));
        words.put("101 headers", "X-A: a\n".repeat(101));
        words.put("5000 headers", "X-A: a\n".repeat(5_000));
        words.put(
                "50000 fields",
                IntStream.range(0, 50_000)
                                .mapToObj(i -> ", \"" + i + "\": 1")
                                .reduce(
                                        new StringBuilder("{\"content\": \"a\""),
                                        StringBuilder::append,
                                        StringBuilder::append)
                        + "}");
        words.put(
                "5000 fields of one hash",
                IntStream.range(0, 5_000)
                        .mapToObj(Scene::ofOneHash)
                        .collect(Collectors.joining("\": 1, \"", "{\"metadata\": {\"", "\": 1}}")));
    }

    /** Different strings with the same hash code. */
    private static String ofOneHash(int number) {
        return Integer.toBinaryString(1 << 13 | number).replace("0", "Aa").replace("1", "BB");
    }

    private static String gzip(int zeros) throws IOException {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(compressed)) {
            byte[] some = new byte[1 << 20];
            for (int i = 0; i < zeros; i += some.length) {
                gzip.write(some);
            }
        }
        return compressed.toString(StandardCharsets.ISO_8859_1);
    }

    /** All stored conversations and blocks. */
    private List<BsonDocument> stored() {
        return Stream.of("conversations", "conversation_blocks")
                .flatMap(name -> client
                        .getDatabase(database)
                        .getCollection(name, BsonDocument.class)
                        .find()
                        .sort(Sorts.ascending("_id"))
                        .into(new ArrayList<>())
                        .stream())
                .toList();
    }

    private void probe(Service service) {
        try {
            Answer answer = live(service);
            alive.incrementAndGet();
            if (answer.status() != 200) {
                dead.add(answer.head());
            }
        } catch (IOException e) {
            dead.add(e.toString());
        }
    }

    private static Answer live(Service service) throws IOException {
        return RawHttp.send(port(service), "GET /q/health/live HTTP/1.1", new byte[0]);
    }

    static int port(Service service) {
        return service.uri("").getPort();
    }

    /** Asserts that nothing has changed since the last call. */
    void assertUnchangedSinceLastCheck() {
        List<BsonDocument> last = lastSeen;
        lastSeen = stored();
        assertThat(lastSeen).isEqualTo(last);
    }

    @Override
    public void close() throws IOException {
        probe.shutdownNow();
        try (Service secret = bySecret;
                Service keys = byKeys;
                KeyServer server = keyServer;
                KeyServer strangers = mallorysServer) {
            assertThat(stored()).isEqualTo(before);
            assertThat(dead).as("liveness").isEmpty();
            assertThat(alive.get()).isGreaterThan(20);
            assertThat(server.reads()).isPositive();
            assertThat(strangers.reads()).as("requests to the URL in a token").isZero();
            assertLogIsClean(secret.log());
            assertLogIsClean(keys.log());
        } finally {
            client.getDatabase(database).drop();
            client.close();
        }
    }

    private static void assertLogIsClean(String log) {
        assertThat(log.lines()
                        .filter(line -> line.contains("\"level\":\"ERROR\"") && line.contains("\"exception\""))
                        .limit(3))
                .isEmpty();
        assertThat(log).doesNotContain("OutOfMemory", "StackOverflow", MARKER);
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static Answer send(Service service, String head, String body) throws IOException {
        return RawHttp.send(port(service), head, bytes(body));
    }

    Answer sendAsMallory(String line, String body) throws IOException {
        String type = body.isEmpty() ? "" : "\n" + words.fill("<<json>>");
        return send(bySecret, line + " HTTP/1.1\n" + words.fill("<<as mallory>>") + type, body);
    }

    /** Asserts the status, the contract's shape, and that the response contains no data of the owner. */
    static void assertAnswered(Answer answer, String expected) {
        String[] words = expected.split(" ");
        assertThat(answer.status()).as(answer.head() + "\n" + answer.text()).isEqualTo(Integer.parseInt(words[0]));
        assertThat(answer.head() + answer.text()).doesNotContain(MARKER).doesNotContainIgnoringCase("exception");
        if (words.length > 1 && words[1].equals("bare")) {
            assertThat(answer.body()).isEmpty();
            return;
        }
        if (answer.status() >= 400) {
            assertThat(answer.header("Content-Type")).contains("application/problem+json");
            Document problem = Document.parse(answer.text());
            assertThat(problem.getInteger("status")).isEqualTo(answer.status());
            assertThat(problem).containsKeys("type", "title", "detail", "instance");
            assertThat(problem.containsKey("errorId")).isEqualTo(answer.status() >= 500);
        }
    }

    /** Data of the owner. */
    Answer ask(Service service, String caller) throws IOException {
        return send(service, words.fill("GET /api/conversation/<<owners>> HTTP/1.1\n") + caller, "");
    }
}
