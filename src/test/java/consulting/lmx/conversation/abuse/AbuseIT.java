package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bson.Document;
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
 * src/test/resources/abuse} gets the status that stands there, nothing is stored, and nothing of the owner's is shown.
 */
class AbuseIT {

    private static final String UP = "GET /q/health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    private static Scene scene;

    @BeforeAll
    static void start() throws Exception {
        scene = new Scene();
    }

    @AfterEach
    void assertUnchanged() {
        scene.assertUnchangedSinceLastCheck();
    }

    @AfterAll
    static void end() throws Exception {
        scene.close();
    }

    /** The status cells of a table, with the names of their columns. */
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
        String value =
                new String(scene.words.fill(written).getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        String owners = scene.words.fill("/api/conversation/<<owners>>/message");
        String own = scene.words.fill("/api/conversation/<<own>>");
        Answer answer = switch (place) {
            case "content" -> scene.sendAsMallory("POST " + owners, "{\"content\": " + value + "}");
            case "role" -> scene.sendAsMallory("POST " + owners, "{\"content\": \"a\", \"role\": " + value + "}");
            case "body" -> scene.sendAsMallory("POST " + owners, value);
            case "in metadata" ->
                scene.sendAsMallory("POST /api/conversation/start", "{\"metadata\": {\"a\": " + value + "}}");
            case "own title" -> scene.sendAsMallory("PATCH " + own, "{\"title\": " + value + "}");
            case "own metadata" -> scene.sendAsMallory("PATCH " + own, "{\"metadata\": " + value + "}");
            default -> scene.sendAsMallory("POST /api/conversation/start", "{\"" + place + "\": " + value + "}");
        };
        Scene.assertAnswered(answer, expected);
    }

    static Stream<Arguments> ids() {
        return cells(Table.read("ids.txt"), "as it is sent");
    }

    @ParameterizedTest
    @MethodSource("ids")
    void id(String written, String place, String expected) throws IOException {
        String id = scene.words.fill(written);
        String path = "/api/conversation/" + id;
        Answer answer = switch (place) {
            case "read" -> scene.sendAsMallory("GET " + path, "");
            case "append" -> scene.sendAsMallory("POST " + path + "/message", "{\"content\": \"a\"}");
            case "patch" -> scene.sendAsMallory("PATCH " + path, "{\"title\": \"a\"}");
            case "delete" -> scene.sendAsMallory("DELETE " + path, "");
            case "session" -> scene.sendAsMallory("GET /api/session/" + id, "");
            default -> scene.sendAsMallory("GET " + path + "/" + place, "");
        };
        Scene.assertAnswered(answer, expected);
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
        if (lines.contains("$code")) {
            TestServer.assumeGenuine("comparison with code");
        }
        String head = lines.replaceFirst("( \\\\n |$)", " HTTP/1.1\n").replace(" \\n ", "\n");
        Scene.assertAnswered(
                Scene.send(scene.bySecret, scene.words.fill(head), scene.words.fillEscaped(body)), expected);
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
        String token = new Forgery(scene.published, scene.mallorys)
                .token(scene.words.fill(row.get("header")), scene.words.fill(row.get("claims")), row.get("signature"));
        Service service = way.equals("secret") ? scene.bySecret : scene.byKeys;
        Scene.assertAnswered(scene.ask(service, "Authorization: Bearer " + token), expected);
        Scene.assertAnswered(scene.ask(service, "Cookie: auth-token=" + token), expected);
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
        try (RawHttp http = new RawHttp(Scene.port(scene.bySecret))) {
            List<Answer> answers = http.write(Scene.bytes(scene.words.fillEscaped(written) + (open ? UP : "")))
                    .answers();
            assertThat(answers).as("answers").hasSize((answer.isEmpty() ? 0 : 1) + (open ? 1 : 0));
            if (!answer.isEmpty()) {
                Scene.assertAnswered(answers.get(0), answer);
            }
            if (open) {
                assertThat(answers.get(answers.size() - 1).text()).contains("UP");
            }
        }
    }

    @Test
    void idempotencyKeyOfTheOwnerStartsANewConversation() throws Exception {
        String[] headers = {"Authorization", "Bearer " + Tokens.of("mallory"), "Idempotency-Key", Scene.START_KEY};
        HttpResponse<String> started = scene.bySecret.post("/api/conversation/start", "{}", headers);
        assertThat(started.statusCode()).isEqualTo(201);
        assertThat(started.body())
                .doesNotContain(Scene.MARKER, scene.words.fill("<<owners>>"), scene.words.fill("<<session>>"));
        String path = "/api/conversation/" + Document.parse(started.body()).getString("conversationId");
        assertThat(scene.bySecret.delete(path, headers[0], headers[1]).statusCode())
                .isEqualTo(204);
    }

    /** A worker thread may complete the response before or while the end of the request arrives. */
    @Test
    void responsesOfOtherThreadsKeepTheConnectionUsable() throws IOException {
        String many = "GET /q/openapi HTTP/1.1\r\nHost: a\r\n\r\n".repeat(300);
        for (int connection = 0; connection < 3; connection++) {
            try (RawHttp http = new RawHttp(Scene.port(scene.bySecret))) {
                assertThat(http.write(Scene.bytes(many + UP)).answers()).hasSize(301);
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
        Map<String, List<String>> headers = scene.bySecret
                .get(path, "Authorization", "Bearer " + Tokens.of("mallory"))
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
