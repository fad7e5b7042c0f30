package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import jakarta.inject.Inject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.bson.BsonDocument;
import org.bson.Document;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that no ordinary client sends, as raw bytes. Each is rejected with a detail, or stored exactly. */
@QuarkusTest
class BadInputTest {

    private static final String JSON = "Content-Type: application/json";
    private static final int KIBIBYTE = 1024;

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final ObjectMapper json = new ObjectMapper();
    private final String user = "user-" + UUID.randomUUID();
    private final String id = "bad-" + UUID.randomUUID();

    private ReactiveMongoCollection<BsonDocument> stored() {
        return client.getDatabase(database).getCollection("conversations", BsonDocument.class);
    }

    private long storedByUser() {
        return stored().countDocuments(Filters.eq("userId", user)).await().indefinitely();
    }

    private Answer send(String method, String path, String headers, byte[] body) throws IOException {
        String token = "Authorization: Bearer " + Tokens.of(user);
        return RawHttp.send(RestAssured.port, method + " " + path + " HTTP/1.1\n" + token + "\n" + headers, body);
    }

    private Answer message(String headers, byte[] body) throws IOException {
        return send("POST", "/api/conversation/" + id + "/message", headers, body);
    }

    private Answer get(String path) throws IOException {
        return send("GET", path, "", new byte[0]);
    }

    private JsonNode assertProblem(Answer answer, int status) throws IOException {
        assertThat(answer.status()).as(answer.head()).isEqualTo(status);
        assertThat(answer.header("Content-Type")).contains("application/problem+json");
        JsonNode problem = json.readTree(answer.body());
        assertThat(problem.path("status").asInt()).isEqualTo(status);
        assertThat(problem.path("detail").asText()).isNotBlank().doesNotStartWith("HTTP ");
        assertThat(answer.text()).doesNotContain("Exception", "jackson", "mongo");
        return problem;
    }

    private void assertRefused(Answer answer, int status) throws IOException {
        assertProblem(answer, status);
        assertThat(storedByUser()).isZero();
    }

    /** One byte for each character. */
    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static Named<byte[]> content(String name, String bytes) {
        return Named.of(name, bytes("{\"content\": \"" + bytes + "\"}"));
    }

    private static Named<byte[]> body(String name, String bytes) {
        return Named.of(name, bytes(bytes));
    }

    private static Named<byte[]> in(String charset) {
        return Named.of(charset, "{\"content\": \"a\"}".getBytes(Charset.forName(charset)));
    }

    static Stream<Named<byte[]>> invalidBodyIsRejected() {
        return Stream.of(
                content("low surrogate", "\\udc00"),
                content("surrogates the other way round", "\\udc00\\ud800"),
                content("escape that is none", "\\u00g0"),
                content("raw NUL", "a\0b"),
                content("raw control character", "a\u0001b"),
                content("byte of no UTF-8", "a\u00ffb"),
                content("UTF-8 that is cut off", "a\u00e2\u0082"),
                content("overlong slash of 2", "a\u00c0\u00afb"),
                content("overlong letter of 2", "\u00c1\u0081"),
                content("overlong NUL", "\u00c0\u0080"),
                content("overlong slash of 3", "a\u00e0\u0080\u00afb"),
                content("overlong slash of 4", "a\u00f0\u0080\u0080\u00afb"),
                content("surrogate in UTF-8", "\u00ed\u00a0\u0080"),
                content("pair of surrogates in UTF-8", "\u00ed\u00a0\u00bd\u00ed\u00b8\u0080"),
                content("beyond the last character", "\u00f4\u0090\u0080\u0080"),
                content("five bytes", "\u00f8\u0088\u0080\u0080\u0080"),
                content("Latin-1", "\u00e9"),
                in("UTF-16"),
                in("UTF-16BE"),
                in("UTF-16LE"),
                in("UTF-32"),
                in("UTF-32LE"),
                body("UTF-32 with a character that is none", "\0\0\u00fe\u00ff\u007f\u00ff\u00ff\u00ff"),
                body("UTF-32 without a mark with a character that is none", "\0\0\0{\u007f\u00ff\u00ff\u00ff"),
                body("white space", "  \t\r\n"),
                body("zeros after it", "{\"content\": \"a\"}\0\0"),
                body("comment", "/* */{\"content\": \"a\"}"),
                body("single quotes", "{'content': 'a'}"),
                body("no quotes", "{content: \"a\"}"),
                body("comma at the end", "{\"content\": \"a\",}"),
                body(
                        "twice the same in a field that is not known",
                        "{\"content\": \"a\", \"x\": {\"y\": 1, \"y\": 2}}"),
                body("number that is none", "{\"content\": \"a\", \"x\": NaN}"),
                body("number of many digits", "{\"content\": \"a\", \"x\": " + "1".repeat(2_000) + "}"),
                body("longer than a message", "{\"content\": \"e" + "\u00cc\u0081".repeat(500_000) + "\"}"));
    }

    @ParameterizedTest
    @MethodSource
    void invalidBodyIsRejected(byte[] body) throws IOException {
        assertRefused(message(JSON, body), 400);
    }

    @ParameterizedTest
    @ValueSource(ints = {10, 100, 999, 1_000, 1_001, 10_000, 100_000})
    void deeplyNestedBodyIsRejected(int depth) throws IOException {
        byte[] array = bytes("[".repeat(depth) + "]".repeat(depth));
        assertRefused(message(JSON, array), 400);
        assertRefused(message(JSON, bytes("[".repeat(depth))), 400);
        assertRefused(message(JSON, bytes("{\"content\": " + new String(array, StandardCharsets.US_ASCII) + "}")), 400);
        String deep = "{\"a\":".repeat(depth) + "1" + "}".repeat(depth);
        for (String request : new String[] {"{\"metadata\": " + deep + "}", "{\"messages\": [" + deep + "]}"}) {
            assertRefused(send("POST", "/api/conversation/start", JSON + "\nIdempotency-Key: k", bytes(request)), 400);
        }
    }

    static Stream<String> unsupportedTypeOrEncodingIsRejected() {
        return Stream.of(
                "Content-Type: application/json, text/plain",
                "Content-Type: application",
                "Content-Type: ;;;",
                "Content-Type: application/vnd.x+json",
                "Content-Type: application/x-www-form-urlencoded",
                "Content-Type: multipart/form-data; boundary=x",
                JSON + "\nContent-Encoding: gzip",
                JSON + "\nContent-Encoding: br",
                JSON + "\nContent-Encoding: identity, gzip");
    }

    @ParameterizedTest
    @MethodSource
    void unsupportedTypeOrEncodingIsRejected(String headers) throws IOException {
        assertRefused(message(headers, bytes("{\"content\": \"a\"}")), 415);
    }

    @Test
    void compressedBodyIsRejected() throws IOException {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(compressed)) {
            gzip.write(bytes("{\"content\": \"a\"}"));
        }
        assertRefused(message(JSON + "\nContent-Encoding: gzip", compressed.toByteArray()), 415);
        assertRefused(message(JSON, compressed.toByteArray()), 400);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                JSON,
                "",
                "Content-Type: application/json; charset=utf-8",
                "Content-Type: APPLICATION/JSON;charset=\"UTF-8\"",
                "Content-Type: application/json; charset=utf-16",
                JSON + "\nContent-Encoding: identity"
            })
    void utf8IsAcceptedWithAnyCharset(String headers) throws IOException {
        assertThat(message(headers, "{\"content\": \"é\"}".getBytes(StandardCharsets.UTF_8))
                        .status())
                .isEqualTo(201);
        assertThat(content()).isEqualTo("é");
    }

    static Stream<Named<String>> textIsStoredUnchanged() {
        return Stream.of(
                Named.of("NUL", "\0a\0"),
                Named.of("control characters", "\u0001\u001f\u007f\u0080\u009f"),
                Named.of("bidi marks", "\u202e\u2066a\u2069\u200f"),
                Named.of("as many combining marks as fit", "e" + "\u0301".repeat(16_383)),
                Named.of("no characters", "\ufffe\uffff\ufdd0"),
                Named.of("the last character", "\udbff\udfff"),
                Named.of("byte order mark", "\ufeffa"),
                Named.of("line separators", "\u2028a\u2029"),
                Named.of("replacement character", "\ufffd"),
                Named.of("composed and decomposed", "\u00e9e\u0301"),
                Named.of("flags and families", "\ud83c\udff3\ufe0f\u200d\ud83c\udf08\ud83d\udc68\u200d\ud83d\udc69"));
    }

    @ParameterizedTest
    @MethodSource
    void textIsStoredUnchanged(String text) throws IOException {
        byte[] body = json.writeValueAsBytes(Collections.singletonMap("content", text));
        assertThat(message(JSON, body).status()).isEqualTo(201);
        assertThat(content()).isEqualTo(text);
    }

    @Test
    void byteOrderMarkIsSkipped() throws IOException {
        assertThat(message(JSON, "\ufeff{\"content\": \"a\"}".getBytes(StandardCharsets.UTF_8))
                        .status())
                .isEqualTo(201);
        assertThat(content()).isEqualTo("a");
    }

    @Test
    void unknownFieldsAreIgnored() throws IOException {
        String body =
                "{\"content\": \"a\", \"__proto__\": {\"a\": 1}, \"@class\": \"java.lang.Runtime\", \"index\": -1,"
                        + " \"retryKey\": \"k\", \"deep\": " + "[".repeat(900) + "]".repeat(900) + "}";
        assertThat(message(JSON, bytes(body)).status()).isEqualTo(201);
        assertThat(storedMessage().keySet()).containsExactly("role", "content", "timestamp", "_id");
    }

    private BsonDocument storedMessage() {
        return stored().find(Filters.eq("conversationId", id))
                .toUni()
                .await()
                .indefinitely()
                .getArray("messages")
                .get(0)
                .asDocument();
    }

    /** The stored content, after a check that the response shows the same. */
    private String content() throws IOException {
        String stored = storedMessage().getString("content").getValue();
        JsonNode shown = json.readTree(get("/api/conversation/" + id).body());
        assertThat(shown.path("messages").path(0).path("content").asText()).isEqualTo(stored);
        return stored;
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "null", "{\"content\": \"\"}"})
    void tooManyMessagesAreRejectedByOneViolation(String message) throws IOException {
        String many = message + ("," + message).repeat(50_000);
        Answer answer = send("POST", "/api/conversation/start", JSON, bytes("{\"messages\": [" + many + "]}"));
        assertRefused(answer, 400);
        assertThat(answer.body()).hasSizeLessThan(64 * KIBIBYTE);
    }

    @Test
    void fullConversationRejectsMessages() throws IOException {
        TestServer.assumeGenuine("bound on the size of a document");
        // Of another program: what is no message cannot be offloaded.
        client.getDatabase(database)
                .getCollection("conversations")
                .insertOne(new Document("conversationId", id)
                        .append("sessionId", id)
                        .append("userId", user)
                        .append("messages", List.of(new Document("role", "user").append("content", "a")))
                        .append("notes", "a".repeat(16_760_000)))
                .await()
                .indefinitely();
        byte[] body = bytes("{\"content\": \"" + "a".repeat(32 * KIBIBYTE) + "\"}");
        assertProblem(message(JSON, body), 409);
        JsonNode after = json.readTree(get("/api/conversation/" + id).body());
        assertThat(after.path("messageCount").asInt()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"8, 404", "12, 404", "21, 431", "70, 431"})
    void longHeadersAreAcceptedUpToTheLimit(int kibibytes, int status) throws IOException {
        String value = "a".repeat(kibibytes * KIBIBYTE);
        for (String header : new String[] {"X-Any: " + value, "Cookie: any=" + value}) {
            Answer answer = send("GET", "/api/conversation/" + id, header, new byte[0]);
            assertThat(answer.status()).isEqualTo(status);
        }
    }

    @Test
    void requestWithoutHostIsRejected() throws IOException {
        try (RawHttp http = new RawHttp(RestAssured.port)) {
            http.write(bytes("GET /api/conversation HTTP/1.1\r\nConnection: close\r\n\r\n"));
            assertProblem(http.answer(), 400);
        }
    }

    @Test
    void overlongTokenIsRejected() throws IOException {
        String head = "GET /api/conversation/" + id + " HTTP/1.1\nCookie: auth-token=" + "a".repeat(8 * KIBIBYTE);
        assertProblem(RawHttp.send(RestAssured.port, head, new byte[0]), 401);
    }

    @Test
    void overlongIdempotencyKeyIsRejected() throws IOException {
        String key = JSON + "\nIdempotency-Key: " + "k".repeat(8 * KIBIBYTE);
        assertRefused(send("POST", "/api/conversation/start", key, bytes("{}")), 400);
    }

    static Stream<Arguments> idsThatNeedEncoding() {
        return Stream.of(
                Arguments.of("a%2Fb", "a/b"),
                Arguments.of("..%2f", "../"),
                Arguments.of("a%3Bb%3Dc", "a;b=c"),
                Arguments.of("%2525", "%25"),
                Arguments.of("+", "+"),
                Arguments.of("%E2%80%AEa", "\u202ea"),
                Arguments.of("%F0%9F%98%80", "\ud83d\ude00"),
                Arguments.of("%3Fa%23b", "?a#b"),
                Arguments.of("a%5Cb", "a\\b"),
                Arguments.of("a%22b", "a\"b"),
                Arguments.of("a%00", "a\0"),
                Arguments.of("a%0D%0AX-Evil:%201", "a\r\nX-Evil: 1"));
    }

    @ParameterizedTest
    @MethodSource("idsThatNeedEncoding")
    void idIsStoredUnchangedAndFoundAtItsLocation(String encoded, String meant) throws IOException {
        String path = "/api/conversation/" + id + encoded;
        Answer created = send("POST", path + "/message", JSON, bytes("{\"content\": \"a\"}"));
        assertThat(created.status()).isEqualTo(201);
        assertThat(created.header("X-Evil")).isEmpty();
        assertThat(json.readTree(created.body()).path("conversationId").asText())
                .isEqualTo(id + meant);
        assertThat(stored().countDocuments(Filters.eq("conversationId", id + meant))
                        .await()
                        .indefinitely())
                .isEqualTo(1);
        String location = created.header("Location").orElseThrow();
        Answer found = get(location.substring(location.indexOf("/api")));
        assertThat(json.readTree(found.body()).path("conversationId").asText()).isEqualTo(id + meant);
        assertThat(get("/api/conversation/" + id).status()).isEqualTo(404);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0",
                "101",
                "-1",
                "99999999999",
                "-99999999999",
                "1.5",
                "1e1",
                "x",
                "0x1",
                "+1",
                "NaN",
                "1%00",
                "%201"
            })
    void invalidLimitIsNamed(String limit) throws IOException {
        for (String path : new String[] {"/api/conversation?limit=", "/api/conversation/" + id + "/messages?limit="}) {
            JsonNode problem = assertProblem(get(path + limit), 400);
            assertThat(problem.path("violations").path(0).path("field").asText())
                    .isEqualTo("limit");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"before=-1", "before=2147483648", "before=x", "after=-2", "after=9999999999", "after=a"})
    void invalidIndexIsNamed(String query) throws IOException {
        JsonNode problem = assertProblem(get("/api/conversation/" + id + "/messages?" + query), 400);
        assertThat(problem.path("violations").path(0).path("field").asText())
                .isEqualTo(query.substring(0, query.indexOf('=')));
    }

    @Test
    void repeatedParameterIsRejected() throws IOException {
        message(JSON, bytes("{\"content\": \"a\"}"));
        for (String query :
                new String[] {"confirm=all&confirm=no", "confirm=no&confirm=all", "confirm=all&confirm=all"}) {
            assertProblem(send("DELETE", "/api/conversation?" + query, "", new byte[0]), 400);
        }
        assertProblem(get("/api/conversation?limit=1&limit=2"), 400);
        assertThat(storedByUser()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "If-None-Match: \"",
                "If-None-Match: W/",
                "If-None-Match: ",
                "If-Modified-Since: never",
                "Accept: */*;q=x",
                "Range: bytes=9-1",
                "Expect: everything",
                "X-Forwarded-For: \u00ff",
                "Accept-Charset: utf-16"
            })
    void meaninglessHeaderIsIgnored(String header) throws IOException {
        message(JSON, bytes("{\"content\": \"a\"}"));
        Answer answer = send("GET", "/api/conversation/" + id, header, new byte[0]);
        assertThat(answer.status()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"If-Match: \"", "If-Match: W/", "If-Match: x", "If-Match: "})
    void invalidPreconditionFails(String header) throws IOException {
        message(JSON, bytes("{\"content\": \"a\"}"));
        String path = "/api/conversation/" + id;
        assertProblem(send("PATCH", path, JSON + "\n" + header, bytes("{\"title\": \"t\"}")), 412);
        assertThat(json.readTree(get(path).body()).has("title")).isFalse();
    }
}
