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
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Each limit as it is set: what is at it passes, and what is one beyond is refused by its name. */
@QuarkusTest
@TestProfile(LimitsTest.Tight.class)
class LimitsTest {

    /** Other limits than the defaults, so that it is the settings that are seen. */
    public static class Tight implements QuarkusTestProfile {

        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "conversations.limits.message-size", "10",
                    "conversations.limits.body-size", "1000",
                    "conversations.limits.start-messages", "2",
                    "conversations.limits.title-length", "5",
                    "conversations.limits.metadata-keys", "2",
                    "conversations.limits.metadata-depth", "2",
                    "conversations.limits.metadata-size", "100",
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
        message(body + " ".repeat(1000 - body.length())).then().statusCode(201);
        message(body + " ".repeat(1001 - body.length()))
                .then()
                .statusCode(413)
                .contentType("application/problem+json")
                .body("detail", equalTo("A body may have at most 1000 bytes."));
    }

    @Test
    void startMessages() {
        start("{\"messages\": [{\"content\": \"a\"}, {\"content\": \"b\"}]}")
                .then()
                .statusCode(201);
        assertRefused(
                start("{\"messages\": [{\"content\": \"a\"}, {\"content\": \"b\"}, {\"content\": \"c\"}]}"),
                "messages",
                "must be at most 2");
    }

    @Test
    void titleLength() {
        start("{\"title\": \"12345\"}").then().statusCode(201);
        assertRefused(start("{\"title\": \"123456\"}"), "title", "must be at most 5 characters");
        message("{\"content\": \"a\"}");
        patch("{\"title\": \"12345\"}").then().statusCode(200);
        assertRefused(patch("{\"title\": \"123456\"}"), "title", "must be at most 5 characters");
    }

    @Test
    void metadataKeys() {
        start("{\"metadata\": {\"a\": 1, \"b\": 2}}").then().statusCode(201);
        assertRefused(start("{\"metadata\": {\"a\": 1, \"b\": 2, \"c\": 3}}"), "metadata", "must have at most 2 keys");
        message("{\"content\": \"a\"}");
        patch("{\"metadata\": {\"a\": 1, \"b\": 2}}").then().statusCode(200);
        assertRefused(patch("{\"metadata\": {\"c\": 3}}"), "metadata", "must have at most 2 keys");
        patch("{\"metadata\": {\"a\": null, \"c\": 3}}").then().statusCode(200);
    }

    @Test
    void metadataDepth() {
        start("{\"metadata\": {\"a\": {\"b\": 1}, \"c\": [1]}}").then().statusCode(201);
        assertRefused(
                start("{\"metadata\": {\"a\": {\"b\": {\"c\": 1}}}}"), "metadata", "must be at most 2 levels deep");
        assertRefused(start("{\"metadata\": {\"a\": [[1]]}}"), "metadata", "must be at most 2 levels deep");
        message("{\"content\": \"a\"}");
        patch("{\"metadata\": {\"a\": {\"b\": 1}}}").then().statusCode(200);
        assertRefused(
                patch("{\"metadata\": {\"a\": {\"b\": {\"c\": 1}}}}"), "metadata", "must be at most 2 levels deep");
    }

    @Test
    void metadataSize() {
        // as BSON: 4 bytes of length, the type, the key and its end, 4 bytes of length, the text and its end, the end
        String text = "x".repeat(100 - 4 - 1 - 2 - 4 - 1 - 1);
        start("{\"metadata\": {\"a\": \"" + text + "\"}}").then().statusCode(201);
        assertRefused(
                start("{\"metadata\": {\"a\": \"" + text + "x\"}}"), "metadata", "must be at most 100 bytes as BSON");
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
