package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Each limit: a value at the limit passes, and one above it is rejected with the name of the field. */
@Tag("slow")
@QuarkusTest
@TestProfile(LimitsTest.Tight.class)
class LimitsTest {

    /** Limits other than the defaults. */
    public static class Tight implements QuarkusTestProfile {

        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "conversations.limits.message-size", "10",
                    "conversations.limits.body-size", "10000",
                    "conversations.limits.page-size", "3");
        }
    }

    private final String user = "user-" + UUID.randomUUID();
    private final String id = "limits-" + UUID.randomUUID();

    private RequestSpecification request(String body) {
        return given().auth()
                .oauth2(Tokens.of(user))
                .contentType(ContentType.JSON)
                .body(body);
    }

    private Response start(String body) {
        return request(body).post("/api/conversation/start");
    }

    private Response message(String body) {
        return request(body).post("/api/conversation/" + id + "/message");
    }

    private Response patch(String body) {
        return request(body).patch("/api/conversation/" + id);
    }

    private static void assertRefused(Response response, String field, String rule) {
        response.then()
                .statusCode(400)
                .contentType("application/problem+json")
                .body("violations[0].field", equalTo(field))
                .body("violations[0].message", equalTo(rule));
    }

    @Test
    void messageSize() {
        // 2 bytes each in UTF-8
        message("{\"content\": \"" + "é".repeat(5) + "\"}").then().statusCode(201);
        assertRefused(
                message("{\"content\": \"" + "é".repeat(5) + "a\"}"), "content", "must be at most 10 bytes of UTF-8");
        assertRefused(
                start("{\"messages\": [{\"content\": \"a\"}, {\"content\": \"" + "a".repeat(11) + "\"}]}"),
                "messages[1].content",
                "must be at most 10 bytes of UTF-8");
    }

    @Test
    void bodySize() {
        String body = "{\"content\": \"a\"}";
        message(body + " ".repeat(10_000 - body.length())).then().statusCode(201);
        message(body + " ".repeat(10_001 - body.length()))
                .then()
                .statusCode(413)
                .contentType("application/problem+json")
                .body("detail", equalTo("The body must have at most 10000 bytes."));
    }

    @Test
    void startMessages() {
        String hundred = "{\"content\": \"a\"}" + ", {\"content\": \"b\"}".repeat(99);
        start("{\"messages\": [" + hundred + "]}").then().statusCode(201);
        assertRefused(
                start("{\"messages\": [" + hundred + ", {\"content\": \"c\"}]}"), "messages", "must be at most 100");
    }

    @Test
    void titleLength() {
        String longest = "a".repeat(200);
        start("{\"title\": \"" + longest + "\"}").then().statusCode(201);
        assertRefused(start("{\"title\": \"" + longest + "a\"}"), "title", "must be at most 200 characters");
        message("{\"content\": \"a\"}");
        patch("{\"title\": \"" + longest + "\"}").then().statusCode(200);
        assertRefused(patch("{\"title\": \"" + longest + "a\"}"), "title", "must be at most 200 characters");
    }

    private static String keys(int n) {
        return "{" + IntStream.range(0, n).mapToObj(i -> "\"k" + i + "\": 1").collect(Collectors.joining(",")) + "}";
    }

    @Test
    void metadataKeys() {
        start("{\"metadata\": " + keys(16) + "}").then().statusCode(201);
        assertRefused(start("{\"metadata\": " + keys(17) + "}"), "metadata", "must have at most 16 keys");
        message("{\"content\": \"a\"}");
        patch("{\"metadata\": " + keys(16) + "}").then().statusCode(200);
        assertRefused(patch("{\"metadata\": {\"c\": 3}}"), "metadata", "must have at most 16 keys");
        patch("{\"metadata\": {\"k0\": null, \"c\": 3}}").then().statusCode(200);
    }

    @Test
    void metadataDepth() {
        String deepest = "{\"a\": {\"b\": {\"c\": {\"d\": 1}}}}";
        String tooDeep = "{\"a\": {\"b\": {\"c\": [[1]]}}}";
        String rule = "must be at most 4 levels deep";
        start("{\"metadata\": " + deepest + "}").then().statusCode(201);
        assertRefused(start("{\"metadata\": " + tooDeep + "}"), "metadata", rule);
        message("{\"content\": \"a\"}");
        patch("{\"metadata\": " + deepest + "}").then().statusCode(200);
        assertRefused(patch("{\"metadata\": " + tooDeep + "}"), "metadata", rule);
    }

    @Test
    void metadataSize() {
        // as BSON: 4 bytes of length, the type, the key and its end, 4 bytes of length, the text and its end, the end
        String text = "x".repeat(8192 - 4 - 1 - 2 - 4 - 1 - 1);
        start("{\"metadata\": {\"a\": \"" + text + "\"}}").then().statusCode(201);
        assertRefused(
                start("{\"metadata\": {\"a\": \"" + text + "x\"}}"), "metadata", "must be at most 8192 bytes as BSON");
    }

    @Test
    void pageSize() {
        IntStream.range(0, 5).forEach(i -> message("{\"content\": \"" + i + "\"}"));
        String messages = "/api/conversation/" + id + "/messages";
        request("").get(messages).then().body("data", hasSize(3)).body("hasMore", equalTo(true));
        request("").get("/api/conversation/" + id).then().body("messages", hasSize(3));
        request("").get(messages + "?limit=1").then().body("data", hasSize(1));
        request("").get(messages + "?limit=100").then().statusCode(200).body("data", hasSize(5));
        assertRefused(request("").get(messages + "?limit=101"), "limit", "must be less than or equal to 100");
        assertRefused(request("").get(messages + "?limit=0"), "limit", "must be greater than or equal to 1");
        IntStream.range(0, 4).forEach(i -> start("{}"));
        request("").get("/api/conversation").then().body("data", hasSize(3)).body("hasMore", equalTo(true));
    }
}
