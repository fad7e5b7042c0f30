package consulting.lmx.conversation.store;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.equalTo;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.specification.RequestSpecification;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Messages as long as the settings allow. */
@Tag("slow")
@QuarkusTest
@TestProfile(LargeMessagesTest.LongestMessages.class)
class LargeMessagesTest {

    public static class LongestMessages implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("conversations.limits.message-size", "1M", "conversations.limits.body-size", "2M");
        }
    }

    private final String user = "user-" + UUID.randomUUID();
    private final String path = "/api/conversation/large-" + UUID.randomUUID();

    private RequestSpecification request() {
        return given().auth().oauth2(Tokens.of(user)).contentType(ContentType.JSON);
    }

    @Test
    void conversationNeverFillsUp() {
        String text = "x".repeat(1024 * 1024 - 10);
        for (int i = 0; i < 40; i++) {
            request()
                    .body(Map.of("content", i + text))
                    .post(path + "/message")
                    .then()
                    .statusCode(i == 0 ? 201 : 200)
                    .body("message.index", equalTo(i));
        }
        request().get(path).then().statusCode(200).body("messageCount", equalTo(40));
        for (int i = 0; i < 40; i++) {
            List<String> page = request()
                    .get(path + "/messages?limit=1&after=" + (i - 1))
                    .then()
                    .statusCode(200)
                    .extract()
                    .path("data.content");
            assertThat(page).containsExactly(i + text);
        }
        List<Integer> exported = request().get(path + "/export").path("messages.index");
        assertThat(exported).isEqualTo(IntStream.range(0, 40).boxed().toList());
    }

    /** A control character takes one byte in the database and six in JSON. */
    @Test
    void pageOfControlCharactersIsBoundedByItsJson() {
        String text = "\u0001".repeat(32 * 1024);
        for (int i = 0; i < 10; i++) {
            request()
                    .body(Map.of("content", text))
                    .post(path + "/message")
                    .then()
                    .statusCode(i == 0 ? 201 : 200);
        }
        request()
                .get(path)
                .then()
                .body("messages.index", equalTo(List.of(8, 9)))
                .body("older", endsWith("/messages?before=8"));
        request()
                .get(path + "/messages?limit=10&before=8")
                .then()
                .body("data.index", equalTo(List.of(6, 7)))
                .body("hasMore", equalTo(true));
        request()
                .get(path + "/messages?limit=10&after=-1")
                .then()
                .body("data.index", equalTo(List.of(0, 1)))
                .body("hasMore", equalTo(true));
        request()
                .get(path + "/messages?limit=10&after=7")
                .then()
                .body("data.content", equalTo(List.of(text, text)))
                .body("hasMore", equalTo(false));
    }
}
