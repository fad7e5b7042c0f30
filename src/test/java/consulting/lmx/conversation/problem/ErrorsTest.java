package consulting.lmx.conversation.problem;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.in;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.RawConnection;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.path.xml.XmlPath;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class ErrorsTest {

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private static RequestSpecification ann() {
        return as("ann");
    }

    private static final List<String> CODES =
            Arrays.stream(ErrorCode.values()).map(ErrorCode::code).toList();

    private static void assertProblem(Response response, int status) {
        response.then()
                .statusCode(status)
                .contentType("application/problem+json")
                .body("type", equalTo("/problems#" + response.path("code")))
                .body("code", in(CODES))
                .body("title", notNullValue())
                .body("status", equalTo(status))
                .body("detail", notNullValue())
                .body("instance", notNullValue());
        assertThat(response.asString()).doesNotContain("Exception", "consulting.lmx", "jackson", "mongo");
    }

    private void assertNothingStored(String id) {
        assertThat(client.getDatabase(database)
                        .getCollection("conversations")
                        .countDocuments(Filters.eq("conversationId", id))
                        .await()
                        .indefinitely())
                .isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "nothing",
                "null",
                "[]",
                "\"text\"",
                "5",
                "{}",
                "{\"content\": null}",
                "{\"content\": \"\"}",
                "{\"content\": \" \\t\\u2003\"}",
                "{\"content\": 5}",
                "{\"content\": true}",
                "{\"content\": 1.5}",
                "{\"content\": {\"$gt\": \"\"}}",
                "{\"content\": [\"a\"]}",
                "{\"content\": \"a lone \\ud800 surrogate\"}",
                "{\"content\": \"a\", \"role\": \"admin\"}",
                "{\"content\": \"a\", \"role\": \"USER\"}",
                "{\"content\": \"a\", \"role\": 1}",
                "{\"content\": \"a\", \"role\": {\"$ne\": null}}",
                "{\"content\": \"a\", \"content\": \"b\"}",
                "{\"content\": \"a\"} trailing",
                "{\"content\": \"a\"} {\"content\": \"b\"}"
            })
    void invalidMessageIsRejectedAndChangesNothing(String body) {
        String id = UUID.randomUUID().toString();
        Response response = ann().contentType(ContentType.JSON).body(body).post("/api/conversation/" + id + "/message");
        assertProblem(response, 400);
        assertNothingStored(id);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[]",
                "\"text\"",
                "{\"messages\": {}}",
                "{\"messages\": [null]}",
                "{\"messages\": [{\"content\": \"\"}]}",
                "{\"messages\": [{\"content\": \"a\", \"role\": \"root\"}]}",
                "{\"messages\": \"a\"}",
                "{\"title\": 5}",
                "{\"title\": {\"$gt\": \"\"}}",
                "{\"metadata\": \"a\"}",
                "{\"metadata\": [1]}"
            })
    void invalidStartIsRejected(String body) {
        assertProblem(ann().contentType(ContentType.JSON).body(body).post("/api/conversation/start"), 400);
    }

    @Test
    void typeOfAProblemRefersToItsDescription() {
        String path = "/api/conversation/" + UUID.randomUUID();
        Response missing = ann().get(path);
        assertThat(missing.<String>path("code")).isEqualTo("conversation-not-found");
        URI type = URI.create(path).resolve(missing.<String>path("type"));
        XmlPath page = RestAssured.given()
                .get(type.getPath())
                .then()
                .statusCode(200)
                .contentType("text/html")
                .extract()
                .htmlPath();
        assertThat(page.getList("**.findAll { it.@id != '' }.@id", String.class))
                .containsExactlyElementsOf(CODES)
                .contains(type.getFragment());
    }

    @ParameterizedTest
    @CsvSource({
        "GET, /api/nowhere, */*, no-such-path",
        "PUT, /api/conversation, */*, method-not-allowed",
        "GET, /api/conversation, image/png, not-acceptable",
        "GET, /api/admin/integrity, */*, forbidden"
    })
    void errorOfTheFrameworkHasACode(String method, String path, String accept, String code) {
        Response response = ann().accept(accept).request(method, path);
        assertProblem(response, response.statusCode());
        assertThat(response.<String>path("code")).isEqualTo(code);
    }

    @Test
    void violationsNameTheFieldAndTheRule() {
        Response response = ann().contentType(ContentType.JSON)
                .body("{\"messages\": [{\"content\": \"fine\"}, {\"content\": \" \", \"role\": \"root\"}]}")
                .post("/api/conversation/start");
        assertProblem(response, 400);
        response.then()
                .body("violations.field", hasItem("messages[1].content"))
                .body("violations.field", hasItem("messages[1].role"))
                .body("violations.message", hasItem("must not be blank"))
                .body("violations.message", hasItem("must be user, assistant, system or tool"));
    }

    @Test
    void wrongTypeNamesTheField() {
        ann().contentType(ContentType.JSON)
                .body("{\"messages\": [{\"content\": 5}]}")
                .post("/api/conversation/start")
                .then()
                .body("violations[0].field", equalTo("messages[0].content"));
    }

    @Test
    void tooManyStartMessagesAreRejected() {
        String messages = "{\"content\": \"a\"},".repeat(101);
        Response response = ann().contentType(ContentType.JSON)
                .body("{\"messages\": [" + messages.substring(0, messages.length() - 1) + "]}")
                .post("/api/conversation/start");
        assertProblem(response, 400);
        response.then().body("violations[0].field", equalTo("messages"));
    }

    @ParameterizedTest
    @CsvSource({
        "PUT,    /api/conversation/start,   405",
        "PATCH,  /api/conversation/x/message, 405",
        "DELETE, /api/conversation/x/message, 405",
        "POST,   /api/conversation/x,       405",
        "GET,    /api/conversations,        404",
        "GET,    /api/nothing,              404",
        "POST,   /nothing/at/all,           404"
    })
    void wrongMethodAndUnknownPathAreProblemDocuments(String method, String path, int status) {
        assertProblem(ann().request(method, path), status);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "PUT     | /api/conversation              | DELETE, GET, HEAD, OPTIONS",
                "TRACE   | /api/conversation              | DELETE, GET, HEAD, OPTIONS",
                "OPTIONS | /api/conversation              | DELETE, GET, HEAD, OPTIONS",
                "PUT     | /api/conversation/a%2Fb        | DELETE, GET, HEAD, OPTIONS, PATCH",
                "GET     | /api/conversation/x/message    | OPTIONS, POST",
                "OPTIONS | /api/conversation/x/messages   | DELETE, GET, HEAD, OPTIONS, POST",
                "GET     | /api/conversation/x/messages/1 | OPTIONS, PATCH",
                "DELETE  | /api/admin/integrity           | GET, HEAD, OPTIONS"
            })
    void allowHeaderNamesTheMethodsOfThePath(String method, String path, String allowed) {
        ann().urlEncodingEnabled(false).request(method, path).then().header("Allow", equalTo(allowed));
    }

    @ParameterizedTest
    @ValueSource(strings = {"text/plain", "application/xml", "text/csv"})
    void wrongMediaTypeIsRejected(String type) {
        String id = UUID.randomUUID().toString();
        Response response = ann().header("Content-Type", type)
                .body("{\"content\": \"a\"}".getBytes(StandardCharsets.UTF_8))
                .post("/api/conversation/" + id + "/message");
        assertProblem(response, 415);
        assertNothingStored(id);
    }

    @Test
    void tooLargeBodyIsRejected() {
        String id = UUID.randomUUID().toString();
        Response response = ann().contentType(ContentType.JSON)
                .body("{\"content\": \"" + "a".repeat(1 << 20) + "\"}")
                .post("/api/conversation/" + id + "/message");
        assertProblem(response, 413);
        assertNothingStored(id);
    }

    @Test
    void tooLargeChunkedBodyIsRejected() throws IOException {
        String id = UUID.randomUUID().toString();
        try (Socket socket = new Socket("localhost", RestAssured.port)) {
            String head = "POST /api/conversation/" + id
                    + "/message HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + Tokens.of("ann")
                    + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            byte[] chunk = ("10000\r\n" + "a".repeat(0x10000) + "\r\n").getBytes(StandardCharsets.US_ASCII);
            try {
                for (int i = 0; i < 64; i++) {
                    socket.getOutputStream().write(chunk);
                }
            } catch (IOException closedAlready) {
                assertThat(closedAlready).hasMessageMatching(".*(reset|closed|Broken pipe).*");
            }
            String answer = new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
            assertThat(answer).isEqualTo("HTTP/1.1 413");
        }
        assertNothingStored(id);
    }

    @ParameterizedTest
    @CsvSource({"/api/conversation/x/message, nonsense, 401", "/api/nothing, , 404", "/api/conversation/x, , 405"})
    void requestAfterAnUnreadBodyIsAnswered(String path, String token, int status) throws IOException {
        String good = Tokens.of("ann");
        String body = "{\"content\": \"" + "a".repeat(300_000) + "\"}";
        try (RawConnection connection = new RawConnection(URI.create("http://localhost:" + RestAssured.port))) {
            connection.begin(path, token == null ? good : token, body);
            assertThat(connection.answer().status()).isEqualTo(status);
            connection.finish(body);
            assertThat(connection.post("/api/conversation/start", good, "{}").status())
                    .isEqualTo(201);
        }
    }

    @Test
    void tooLongIdIsRejected() {
        String id = "\uD83D\uDE00".repeat(201);
        Response response = ann().contentType(ContentType.JSON)
                .body("{\"content\": \"a\"}")
                .post("/api/conversation/" + id + "/message");
        assertProblem(response, 400);
        response.then().body("violations[0].field", containsString("conversationId"));
        assertNothingStored(id);
    }

    @Test
    void rejectionDoesNotNameInternals() {
        ann().contentType(ContentType.JSON)
                .body("{\"content\": {}}")
                .post("/api/conversation/x/message")
                .then()
                .body("detail", not(containsString("java")));
    }
}
