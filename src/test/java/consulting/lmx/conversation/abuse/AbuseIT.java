package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.model.Sorts;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
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
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
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
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a stranger with a token of his own, or with none, may try on the packaged jar: each case of the tables in {@code
 * src/test/resources/abuse} gets the status that stands there. Nothing is stored, nothing of the owner's is shown, liveness is
 * UP throughout, and no failure stands in the log.
 */
class AbuseIT {

    private static final String OWNER = "owner";
    private static final String ISSUER = "https://id.example";
    private static final String MARKER = "known-to-its-owner-alone";
    private static final String KEY = "key-of-the-owner";
    private static final String START_KEY = "key-of-the-owners-start";
    private static final String BY_KEY = "{\"content\": \"" + MARKER + " by key\"}";
    private static final String UP = "GET /q/health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    private static final int MESSAGES = 200;

    private static final MongoClient CLIENT = MongoClients.create(TestServer.uri());
    private static final String DATABASE = TestServer.newDatabase();
    private static final Words WORDS = new Words();
    private static final SigningKey PUBLISHED = SigningKey.of("RS256");
    private static final SigningKey MALLORYS = SigningKey.of("RS256");
    private static final Forgery FORGERY = new Forgery(PUBLISHED, MALLORYS);
    private static final ScheduledExecutorService PROBE = Executors.newScheduledThreadPool(2);
    private static final List<String> DEAD = new CopyOnWriteArrayList<>();
    private static final AtomicLong ALIVE = new AtomicLong();
    private static final AtomicLong FLOODED = new AtomicLong();

    private static KeyServer keyServer;
    private static KeyServer mallorysServer;
    private static Service bySecret;
    private static Service byKeys;
    private static String ownersSession;
    private static List<BsonDocument> before;
    private static List<BsonDocument> lastSeen;
    private static volatile CountDownLatch caseIsOver = new CountDownLatch(1);

    @BeforeAll
    static void start() throws Exception {
        keyServer = KeyServer.start();
        keyServer.publish(PUBLISHED);
        mallorysServer = KeyServer.start();
        mallorysServer.publish(MALLORYS);
        bySecret = Service.start(settings(Map.of()));
        byKeys = Service.start(settings(Map.of(
                "AUTH_SECRET", "",
                "AUTH_JWKS_URL", keyServer.url(),
                "AUTH_ISSUER", ISSUER,
                "CONVERSATIONS_AUTH_JWKS_REFRESH", "24H",
                "CONVERSATIONS_AUTH_JWKS_PAUSE", "0.1S",
                "CONVERSATIONS_AUTH_JWKS_TIMEOUT", "0.5S")));
        bySecret.awaitReady();
        byKeys.awaitReady();
        store();
        before = stored();
        lastSeen = before;
        PROBE.scheduleAtFixedRate(() -> probe(bySecret), 0, 100, TimeUnit.MILLISECONDS);
        PROBE.scheduleAtFixedRate(() -> probe(byKeys), 50, 100, TimeUnit.MILLISECONDS);
    }

    private static Map<String, String> settings(Map<String, String> more) {
        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        settings.put("CONVERSATIONS_LIMITS_START_MESSAGES", String.valueOf(MESSAGES));
        settings.put("CONVERSATIONS_LIMITS_INLINE_MESSAGES", "100");
        settings.putAll(more);
        return settings;
    }

    /** A conversation of the owner, in its document and in a block, and one of the stranger's own. */
    private static void store() throws Exception {
        String message = "{\"content\": \"" + MARKER + "\"}";
        Document owners = start(
                OWNER,
                "{\"title\": \"" + MARKER + "\", \"metadata\": {\"a\": \"" + MARKER + "\"}, \"messages\": [" + message
                        + ("," + message).repeat(MESSAGES - 1) + "]}",
                START_KEY);
        HttpResponse<String> byKey = bySecret.post(
                "/api/conversation/" + owners.getString("conversationId") + "/message",
                BY_KEY,
                "Authorization",
                "Bearer " + Tokens.of(OWNER),
                "Idempotency-Key",
                KEY);
        assertThat(byKey.statusCode()).isEqualTo(200);
        await("older messages are moved into a block")
                .until(() -> stored().stream()
                        .anyMatch(document -> document.getArray("messages").size() == MESSAGES / 2 + 1));
        ownersSession = owners.getString("sessionId");
        Document own = start("mallory", "{}", "key-of-mallory");
        words(owners.getString("conversationId"), own.getString("conversationId"));
    }

    private static Document start(String caller, String body, String key) throws Exception {
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

    private static void words(String owners, String own) throws IOException {
        String token = Tokens.of("mallory");
        long now = Instant.now().getEpochSecond();
        String append = "POST /api/conversation/%s/message HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token
                + "\r\nContent-Type: application/json\r\n";
        String smuggled = append.formatted("smuggled") + "Content-Length: 15\r\n\r\n{\"content\":\"a\"}";
        WORDS.put("owner", OWNER);
        WORDS.put("OWNER", "OWNER");
        WORDS.put("owners", owners);
        WORDS.put("OWNERS", owners.toUpperCase(Locale.ROOT));
        WORDS.put("own", own);
        WORDS.put("session", ownersSession);
        WORDS.put("token", token);
        WORDS.put("as mallory", "Authorization: Bearer " + token);
        WORDS.put("json", "Content-Type: application/json");
        WORDS.put("append", append.formatted(owners));
        WORDS.put("smuggled", smuggled);
        WORDS.put("length of smuggled", String.valueOf(smuggled.length()));
        WORDS.put("owner's key", KEY);
        WORDS.put("owner's message", BY_KEY);
        WORDS.put("issuer", ISSUER);
        WORDS.put("later", String.valueOf(now + 3600));
        WORDS.put("past", String.valueOf(now - 3600));
        WORDS.put("good", "\"iss\":\"" + ISSUER + "\",\"exp\":" + (now + 3600));
        WORDS.put("kid", PUBLISHED.id());
        WORDS.put("jwk", new Document(MALLORYS.jwk().toParams(OutputControlLevel.PUBLIC_ONLY)).toJson());
        WORDS.put("his address", mallorysServer.url());
        WORDS.put("gzip of 64 MiB", gzip(64 << 20));
        WORDS.put("deep cursor", WORDS.fill("<<64 {\"u\":null,\"i\":" + "[".repeat(1_300) + "]".repeat(1_300) + "}>>"));
        WORDS.put("5000 headers", "X-A: a\n".repeat(5_000));
        WORDS.put(
                "50000 fields",
                IntStream.range(0, 50_000)
                                .mapToObj(i -> ", \"" + i + "\": 1")
                                .reduce(
                                        new StringBuilder("{\"content\": \"a\""),
                                        StringBuilder::append,
                                        StringBuilder::append)
                        + "}");
        WORDS.put(
                "5000 fields of one hash",
                IntStream.range(0, 5_000)
                        .mapToObj(AbuseIT::ofOneHash)
                        .collect(Collectors.joining("\": 1, \"", "{\"metadata\": {\"", "\": 1}}")));
    }

    /** Texts that are different, and have the same hash in Java. */
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

    /** All that is stored, conversations and blocks. */
    private static List<BsonDocument> stored() {
        return Stream.of("conversations", "conversation_blocks")
                .flatMap(name -> CLIENT
                        .getDatabase(DATABASE)
                        .getCollection(name, BsonDocument.class)
                        .find()
                        .sort(Sorts.ascending("_id"))
                        .into(new ArrayList<>())
                        .stream())
                .toList();
    }

    private static void probe(Service service) {
        try {
            Answer answer = live(service);
            ALIVE.incrementAndGet();
            if (answer.status() != 200) {
                DEAD.add(answer.head());
            }
        } catch (IOException e) {
            DEAD.add(e.toString());
        }
    }

    private static Answer live(Service service) throws IOException {
        return RawHttp.send(port(service), "GET /q/health/live HTTP/1.1", new byte[0]);
    }

    private static int port(Service service) {
        return service.uri("").getPort();
    }

    @AfterEach
    void nothingIsStored() {
        caseIsOver.countDown();
        caseIsOver = new CountDownLatch(1);
        List<BsonDocument> before = lastSeen;
        lastSeen = stored();
        assertThat(lastSeen).isEqualTo(before);
    }

    @AfterAll
    static void end() throws Exception {
        PROBE.shutdownNow();
        try (Service secret = bySecret;
                Service keys = byKeys;
                KeyServer server = keyServer;
                KeyServer strangers = mallorysServer) {
            assertThat(stored()).isEqualTo(before);
            assertThat(DEAD).as("liveness").isEmpty();
            assertThat(ALIVE.get()).isGreaterThan(20);
            assertThat(strangers.reads()).as("a token's own address was asked").isZero();
            assertThat(server.reads()).isPositive();
            for (Service service : List.of(secret, keys)) {
                assertThat(service.log()
                                .lines()
                                .filter(line -> line.contains("\"level\":\"ERROR\"") && line.contains("\"exception\""))
                                .limit(3))
                        .isEmpty();
                assertThat(service.log()).doesNotContain("OutOfMemory", "StackOverflow", MARKER);
            }
        } finally {
            CLIENT.getDatabase(DATABASE).drop();
            CLIENT.close();
        }
    }

    // ---- what is sent
    // -------------------------------------------------------------------------------------------------

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static Answer send(Service service, String head, String body) throws IOException {
        return RawHttp.send(port(service), head, bytes(body));
    }

    private static Answer sendAsMallory(String line, String body) throws IOException {
        String type = body.isEmpty() ? "" : "\n" + WORDS.fill("<<json>>");
        return send(bySecret, line + " HTTP/1.1\n" + WORDS.fill("<<as mallory>>") + type, body);
    }

    /** An answer is what the table says, in the contract's shape, and tells nothing of the owner's. */
    private static void assertAnswered(Answer answer, String expected) {
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

    // ---- the tables
    // ---------------------------------------------------------------------------------------------------

    /** The cells of a table in which a status stands, by the places of its head. */
    private static Stream<Arguments> cells(Table table, String last) {
        return table.rows().stream()
                .flatMap(row -> table.places().stream()
                        .filter(place -> !row.get(place).equals("-"))
                        .map(place -> Arguments.of(
                                Named.of(row.name(), row.get(last)), Named.of("as " + place, place), row.get(place))));
    }

    static Stream<Arguments> values() {
        return cells(Table.read("values.txt"), "written as");
    }

    @ParameterizedTest(name = "{0} {1}: {2}")
    @MethodSource("values")
    void value(String written, String place, String expected) throws IOException {
        String value = new String(WORDS.fill(written).getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        String owners = WORDS.fill("/api/conversation/<<owners>>/message");
        String own = WORDS.fill("/api/conversation/<<own>>");
        Answer answer = switch (place) {
            case "content" -> sendAsMallory("POST " + owners, "{\"content\": " + value + "}");
            case "role" -> sendAsMallory("POST " + owners, "{\"content\": \"a\", \"role\": " + value + "}");
            case "body" -> sendAsMallory("POST " + owners, value);
            case "in metadata" ->
                sendAsMallory("POST /api/conversation/start", "{\"metadata\": {\"a\": " + value + "}}");
            case "own title" -> sendAsMallory("PATCH " + own, "{\"title\": " + value + "}");
            case "own metadata" -> sendAsMallory("PATCH " + own, "{\"metadata\": " + value + "}");
            default -> sendAsMallory("POST /api/conversation/start", "{\"" + place + "\": " + value + "}");
        };
        assertAnswered(answer, expected);
    }

    static Stream<Arguments> ids() {
        return cells(Table.read("ids.txt"), "as it is sent");
    }

    @ParameterizedTest
    @MethodSource("ids")
    void id(String written, String place, String expected) throws IOException {
        String id = WORDS.fill(written);
        String path = "/api/conversation/" + id;
        Answer answer = switch (place) {
            case "read" -> sendAsMallory("GET " + path, "");
            case "append" -> sendAsMallory("POST " + path + "/message", "{\"content\": \"a\"}");
            case "patch" -> sendAsMallory("PATCH " + path, "{\"title\": \"a\"}");
            case "delete" -> sendAsMallory("DELETE " + path, "");
            case "session" -> sendAsMallory("GET /api/session/" + id, "");
            default -> sendAsMallory("GET " + path + "/" + place, "");
        };
        assertAnswered(answer, expected);
    }

    static Stream<Arguments> requests() {
        return Table.read("requests.txt").rows().stream()
                .map(row -> Arguments.of(
                        Named.of(row.name(), row.get("lines")),
                        Named.of("its body", row.get("body")),
                        row.get("status")));
    }

    @ParameterizedTest
    @MethodSource("requests")
    void request(String lines, String body, String expected) throws IOException {
        String head = lines.replaceFirst("( \\\\n |$)", " HTTP/1.1\n").replace(" \\n ", "\n");
        assertAnswered(send(bySecret, WORDS.fill(head), WORDS.fillEscaped(body)), expected);
    }

    static Stream<Arguments> tokens() {
        return Table.read("tokens.txt").rows().stream()
                .flatMap(row -> Stream.of("secret", "keys")
                        .map(way -> Arguments.of(
                                Named.of(row.name(), row), Named.of("checked by " + way, way), row.get(way))));
    }

    @ParameterizedTest
    @MethodSource("tokens")
    void token(Table.Row row, String way, String expected) throws IOException {
        String token =
                FORGERY.token(WORDS.fill(row.get("header")), WORDS.fill(row.get("claims")), row.get("signature"));
        Service service = way.equals("secret") ? bySecret : byKeys;
        assertAnswered(ask(service, "Authorization: Bearer " + token), expected);
        assertAnswered(ask(service, "Cookie: auth-token=" + token), expected);
    }

    /** What is the owner's. */
    private static Answer ask(Service service, String caller) throws IOException {
        return send(service, WORDS.fill("GET /api/conversation/<<owners>> HTTP/1.1\n") + caller, "");
    }

    static Stream<Arguments> wire() {
        return Table.read("wire.txt").rows().stream()
                .map(row -> Arguments.of(Named.of(row.name(), row.get("as they are sent")), row.get("answers")));
    }

    @ParameterizedTest
    @MethodSource("wire")
    void wire(String written, String expected) throws IOException {
        boolean open = expected.endsWith("open");
        String answer = expected.replaceFirst(" ?(open|closed)$", "");
        try (RawHttp http = new RawHttp(port(bySecret))) {
            List<Answer> answers = http.write(bytes(WORDS.fillEscaped(written) + (open ? UP : "")))
                    .answers();
            assertThat(answers).as("answers").hasSize((answer.isEmpty() ? 0 : 1) + (open ? 1 : 0));
            if (!answer.isEmpty()) {
                assertAnswered(answers.get(0), answer);
            }
            if (open) {
                assertThat(answers.get(answers.size() - 1).text()).contains("UP");
            }
        }
    }

    // ---- keys
    // ---------------------------------------------------------------------------------------------------------

    /** Answers of an address of keys that are none, after which nobody can say whose a token of an unknown key is. */
    static Stream<Arguments> answersWithoutKeys() {
        String good = SigningKey.jwks(MALLORYS);
        return Stream.of(
                Arguments.of("no answer", 503, (HttpHandler) AbuseIT::wait),
                Arguments.of("a head, and then nothing", 503, (HttpHandler) exchange -> {
                    exchange.sendResponseHeaders(200, good.length());
                    exchange.getResponseBody().write('{');
                    wait(exchange);
                }),
                Arguments.of("an end without an answer", 503, (HttpHandler) HttpExchange::close),
                Arguments.of("less than was announced", 503, (HttpHandler) exchange -> {
                    exchange.sendResponseHeaders(200, good.length() + 1);
                    exchange.getResponseBody().write(good.getBytes(StandardCharsets.UTF_8));
                }),
                Arguments.of("100 MiB", 503, (HttpHandler) AbuseIT::flood),
                Arguments.of("a set that is too long", 503, text(good + " ".repeat(600 << 10))),
                Arguments.of("a redirect to a stranger", 503, status(302, "Location", mallorysServer.url())),
                Arguments.of("a redirect to a file", 503, status(301, "Location", "file:///etc/passwd")),
                Arguments.of("status 500", 503, status(500, "Retry-After", "1")),
                Arguments.of("status 404", 503, status(404, "X-A", "a")),
                Arguments.of("status 204", 503, status(204, "X-A", "a")),
                Arguments.of("nothing", 503, text("")),
                Arguments.of("HTML", 503, text("<!DOCTYPE html><title>Sign in</title>")),
                Arguments.of("a list", 503, text("[" + good + "]")),
                Arguments.of("a text", 503, text("\"keys\"")),
                Arguments.of("no keys", 503, text("{\"issuer\": \"a\"}")),
                Arguments.of("keys that are null", 503, text("{\"keys\": null}")),
                Arguments.of("keys that are an object", 503, text("{\"keys\": {\"a\": 1}}")),
                Arguments.of("keys twice", 503, text("{\"keys\": [], \"keys\": []}")),
                Arguments.of("lists 100000 deep", 503, text("[".repeat(100_000))),
                Arguments.of("objects 50000 deep", 503, text("{\"keys\":".repeat(50_000))));
    }

    private static HttpHandler text(String text) {
        return exchange -> KeyServer.send(exchange, text);
    }

    private static HttpHandler status(int status, String header, String value) {
        return exchange -> {
            exchange.getResponseHeaders().add(header, value);
            exchange.sendResponseHeaders(status, -1);
        };
    }

    /** Until the case is over. */
    private static void wait(HttpExchange exchange) {
        try {
            caseIsOver.await(60, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void flood(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, 0);
        byte[] some = new byte[64 << 10];
        Arrays.fill(some, (byte) ' ');
        for (int sent = 0; sent < 100 << 20; sent += some.length) {
            exchange.getResponseBody().write(some);
            FLOODED.set(sent);
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("answersWithoutKeys")
    void answerWithoutKeys(String name, int expected, HttpHandler answer) throws Exception {
        String known = PUBLISHED.token(Map.of("sub", "mallory", "iss", ISSUER));
        String unknown = MALLORYS.token(Map.of("sub", OWNER, "iss", ISSUER));
        publishAndAwait(PUBLISHED);
        int reads = keyServer.reads();
        keyServer.answer(answer);
        await("the keys are read, and the token of an unknown one is not taken")
                .pollInterval(Duration.ofMillis(20))
                .untilAsserted(() -> {
                    assertAnswered(askByKey(unknown), String.valueOf(expected));
                    assertThat(keyServer.reads()).isGreaterThan(reads);
                });
        assertAnswered(askByKey(known), "404"); // what was known stays
        assertThat(FLOODED.get()).as("bytes that were taken").isLessThan(32 << 20);
    }

    /** Sets in which a stranger's key stands in another way than as one that tokens may be signed with. */
    static Stream<Arguments> keysThatAreNone() {
        Map<String, Object> key = MALLORYS.jwk().toParams(OutputControlLevel.PUBLIC_ONLY);
        return Stream.of(
                Arguments.of("kty of a secret", 401, List.of(with(key, "kty", "oct", "k", key.get("n")))),
                Arguments.of("kty of a curve", 401, List.of(with(key, "kty", "EC"))),
                Arguments.of("kty that is none", 401, List.of(with(key, "kty", "none"))),
                Arguments.of("kty a number", 401, List.of(with(key, "kty", 5))),
                Arguments.of("use for encryption", 401, List.of(with(key, "use", "enc"))),
                Arguments.of("use that is none", 401, List.of(with(key, "use", "none"))),
                Arguments.of("alg RS512", 401, List.of(with(key, "alg", "RS512"))),
                Arguments.of("alg HS256", 401, List.of(with(key, "alg", "HS256"))),
                Arguments.of("alg none", 401, List.of(with(key, "alg", "none"))),
                Arguments.of("for wrapping", 401, List.of(with(key, "key_ops", List.of("wrapKey")))),
                Arguments.of("modulus of nothing", 401, List.of(with(key, "n", ""))),
                Arguments.of("modulus of 8 bits", 401, List.of(with(key, "n", "_w"))),
                Arguments.of("no modulus", 401, List.of(with(key, "n", null))),
                Arguments.of("exponent an object", 401, List.of(with(key, "e", Map.of("$ne", 1)))),
                Arguments.of("kid of 10 KiB", 401, List.of(with(key, "kid", "a".repeat(10 << 10)))),
                Arguments.of("kid that is a path", 401, List.of(with(key, "kid", "../" + MALLORYS.id()))),
                Arguments.of("kid a number", 401, List.of(with(key, "kid", 5))),
                Arguments.of("no kid", 401, List.of(with(key, "kid", null))),
                Arguments.of("kid twice in the set", 401, List.of(key, with(key, "e", "Aw"))),
                Arguments.of(
                        "an address in place of a key",
                        401,
                        List.of(Map.of(
                                "kty",
                                "RSA",
                                "kid",
                                MALLORYS.id(),
                                "x5u",
                                mallorysServer.url(),
                                "jku",
                                mallorysServer.url()))));
    }

    private static Map<String, Object> with(Map<String, Object> key, Object... members) {
        Map<String, Object> changed = new HashMap<>(key);
        for (int i = 0; i < members.length; i += 2) {
            changed.put((String) members[i], members[i + 1]);
            changed.values().removeIf(Objects::isNull);
        }
        return changed;
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("keysThatAreNone")
    void keyThatIsNone(String name, int expected, List<Map<String, Object>> keys) throws Exception {
        SigningKey beside = SigningKey.of("ES256");
        List<Object> all = new ArrayList<>(keys);
        all.add(beside.jwk().toParams(OutputControlLevel.PUBLIC_ONLY));
        keyServer.publish(new Document("keys", all).toJson());
        awaitTaken(beside);
        assertAnswered(askByKey(MALLORYS.token(Map.of("sub", OWNER, "iss", ISSUER))), String.valueOf(expected));
        publishAndAwait(PUBLISHED);
    }

    private static void publishAndAwait(SigningKey key) {
        keyServer.publish(key);
        awaitTaken(key);
    }

    private static void awaitTaken(SigningKey key) {
        String token = key.token(Map.of("sub", "mallory", "iss", ISSUER));
        await("the key is taken")
                .pollInterval(Duration.ofMillis(20))
                .until(() -> askByKey(token).status() == 404);
    }

    private static Answer askByKey(String token) throws IOException {
        return ask(byKeys, "Authorization: Bearer " + token);
    }

    // ---- one by one
    // ---------------------------------------------------------------------------------------------------

    @Test
    void keyOfTheOwnerStartsAConversationOfTheStrangersOwn() throws Exception {
        String[] headers = {"Authorization", "Bearer " + Tokens.of("mallory"), "Idempotency-Key", START_KEY};
        HttpResponse<String> started = bySecret.post("/api/conversation/start", "{}", headers);
        assertThat(started.statusCode()).isEqualTo(201);
        assertThat(started.body()).doesNotContain(MARKER, WORDS.fill("<<owners>>"), ownersSession);
        String path = "/api/conversation/" + Document.parse(started.body()).getString("conversationId");
        assertThat(bySecret.delete(path, headers[0], headers[1]).statusCode()).isEqualTo(204);
    }

    /** Not from an event loop: its answer may be ready before the end of the request is seen, or at the same time. */
    @Test
    void answersOfOtherThreadsLeaveTheConnectionAsItWas() throws IOException {
        String many = "GET /q/openapi HTTP/1.1\r\nHost: a\r\n\r\n".repeat(300);
        for (int connection = 0; connection < 3; connection++) {
            try (RawHttp http = new RawHttp(port(bySecret))) {
                assertThat(http.write(bytes(many + UP)).answers()).hasSize(301);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/api/conversation",
                "/api/conversation/start",
                "/api/admin/integrity",
                "/api/nothing",
                "/q/health/live",
                "/q/openapi",
                "/",
                "/nothing"
            })
    void headersThatAScannerExpects(String path) throws Exception {
        Map<String, List<String>> headers = bySecret.get(path, "Authorization", "Bearer " + Tokens.of("mallory"))
                .headers()
                .map();
        assertThat(headers)
                .containsEntry("x-content-type-options", List.of("nosniff"))
                .containsEntry("referrer-policy", List.of("same-origin"))
                .containsEntry("cross-origin-resource-policy", List.of("same-origin"))
                .containsEntry("cache-control", List.of("no-store"))
                .doesNotContainKeys("server", "x-powered-by", "x-aspnet-version", "access-control-allow-origin");
        assertThat(headers.get("content-security-policy"))
                .hasSize(1)
                .allSatisfy(policy -> assertThat(policy)
                        .startsWith("default-src 'none'")
                        .contains("frame-ancestors 'none'")
                        .doesNotContain("unsafe"));
    }
}
