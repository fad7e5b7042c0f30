package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sends the calls of the old application's frontend: JSON, with the cookie. The expected answers are those of the old application;
 * {@code docs/migrating.md} lists the differences.
 */
@QuarkusTest
class OldFrontendTest {

    private static final String STARTED = """
            {"success":true,"conversationId":"dd3cd360-7ccd-4218-bd3f-90f48e00316e",
             "sessionId":"d75dc2ab-c910-49d2-a9ef-0fefe69b958a",
             "conversation":{"conversationId":"dd3cd360-7ccd-4218-bd3f-90f48e00316e",
             "sessionId":"d75dc2ab-c910-49d2-a9ef-0fefe69b958a","userId":"ann",
             "messages":[{"role":"assistant","content":"Hello, how can I help?","timestamp":"2026-11-25T03:14:41.667Z"}],
             "createdAt":"2026-11-25T03:14:41.667Z","_id":"6b0652a1aa0ca170c3fd6f94",
             "updatedAt":"2026-11-25T03:14:41.683Z","__v":0}}""";
    private static final String SENT = """
            {"success":true,"conversationId":"my-first","sessionId":"edcf17e2-f630-423a-81d4-78a9e38ae88a",
             "message":{"role":"user","content":"Hello","timestamp":"2026-11-25T03:14:41.852Z"}}""";
    private static final String READ = """
            {"_id":"6b0652a1aa0ca170c3fd6f9b","conversationId":"my-first",
             "sessionId":"edcf17e2-f630-423a-81d4-78a9e38ae88a","userId":"ann",
             "messages":[{"role":"user","content":"Hello","timestamp":"2026-11-25T03:14:41.852Z"},
             {"role":"assistant","content":"again","timestamp":"2026-11-25T03:14:41.943Z"}],
             "createdAt":"2026-11-25T03:14:41.883Z","updatedAt":"2026-11-25T03:14:42.219Z","__v":3}""";

    private static final String UUID_V4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
    private static final String DATE = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";

    private final String id = "c-" + UUID.randomUUID();

    private static RequestSpecification frontend() {
        return given().cookie("auth-token", Tokens.of("ann")).contentType("application/json");
    }

    private Response send(String body) {
        return frontend().body(body).post("/api/conversation/" + id + "/message");
    }

    /** The fields of the old answer that this one lacks or has with another type, except those that only Mongoose uses. */
    private static List<String> missing(String old, Response response) throws IOException {
        List<String> missing = new ArrayList<>();
        ObjectMapper json = new ObjectMapper();
        compare("", json.readTree(old), json.readTree(response.asString()), missing);
        missing.removeAll(List.of("/_id", "/__v", "/conversation/_id", "/conversation/__v"));
        return missing;
    }

    private static void compare(String path, JsonNode old, JsonNode now, List<String> missing) {
        boolean sameKind =
                old.getNodeType() == now.getNodeType() && kind(old.asText()).equals(kind(now.asText()));
        if (!sameKind) {
            missing.add(path);
        }
        old.properties()
                .forEach(field ->
                        compare(path + "/" + field.getKey(), field.getValue(), now.path(field.getKey()), missing));
        for (int i = 0; i < old.size() && old.isArray(); i++) {
            compare(path + "/" + i, old.get(i), now.path(i), missing);
        }
    }

    private static String kind(String text) {
        return text.matches(UUID_V4) ? "UUID" : text.matches(DATE) ? "date" : "text";
    }

    @Test
    void startAnswersWhatItAnswered() throws IOException {
        Response response = frontend()
                .body("{\"messages\": [{\"role\": \"assistant\", \"content\": \"Hello, how can I help?\"}]}")
                .post("/api/conversation/start");
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(missing(STARTED, response)).isEmpty();
    }

    @Test
    void startWithoutABodyBringsNoGreeting() throws IOException {
        Response response = frontend().body("{}").post("/api/conversation/start");
        assertThat(response.statusCode()).isEqualTo(201);
        assertThat(missing(STARTED, response))
                .containsExactly(
                        "/conversation/messages/0",
                        "/conversation/messages/0/role",
                        "/conversation/messages/0/content",
                        "/conversation/messages/0/timestamp");
    }

    @Test
    void messageAnswersWhatItAnswered() throws IOException {
        Response creating = send("{\"content\": \"Hello\"}");
        Response appending = send("{\"content\": \"again\", \"role\": \"assistant\"}");
        assertThat(creating.statusCode()).isEqualTo(201);
        assertThat(appending.statusCode()).isEqualTo(200);
        assertThat(missing(SENT.replace("my-first", id), creating)).isEmpty();
        assertThat(missing(SENT.replace("my-first", id), appending)).isEmpty();
        assertThat(appending.<String>path("sessionId")).isEqualTo(creating.path("sessionId"));
    }

    @Test
    void conversationIsReadAsItWas() throws IOException {
        send("{\"content\": \"Hello\"}");
        send("{\"content\": \"again\", \"role\": \"assistant\"}");
        Response response = frontend().get("/api/conversation/" + id);
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(missing(READ, response)).isEmpty();
    }

    /** The last column is the old application's status if it was another one. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "GET    | /missing         |                             | true  | 404 |",
                "GET    | /missing         |                             | false | 401 |",
                "POST   | /start           | {}                          | false | 401 |",
                "POST   | /missing/message | {\"content\": \"Hello\"}    | false | 401 |",
                "PUT    | /start           | {}                          | true  | 405 |",
                "GET    | /missing/message |                             | true  | 405 |",
                "POST   | /missing/message | {                           | true  | 400 |",
                "POST   | /missing/message | {}                          | true  | 400 | 200",
                "POST   | /missing/message | {\"content\": \"a\", \"role\": \"root\"} | true | 400 | 200"
            })
    void refusalsHaveTheStatusThatTheyHadAndAProblemForABody(
            String method, String path, String body, boolean token, int status, Integer before) {
        RequestSpecification request = given().contentType("application/json");
        if (token) {
            request.cookie("auth-token", Tokens.of("ann"));
        }
        if (body != null) {
            request.body(body);
        }
        Response response = request.request(method, "/api/conversation" + path);
        assertThat(response.statusCode()).isEqualTo(status).isNotEqualTo(before);
        assertThat(response.contentType()).isEqualTo("application/problem+json");
        assertThat(response.<String>path("detail")).isNotBlank();
    }
}
