package consulting.lmx.conversation.console;

import static io.restassured.RestAssured.get;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The service without its console. */
@QuarkusTest
@TestProfile(ConsoleOffTest.Off.class)
class ConsoleOffTest {

    public static class Off implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("conversations.console", "false");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/index.html",
                "/console/app.js",
                "//index.html",
                "/console/../index.html",
                "/console%2Fapp.js",
                "/%69ndex.html",
                "/x%2F..%2Findex.html",
                "/q/x%2F..%2F..%2Findex.html",
                "/api/..%2Fconsole/app.js"
            })
    void consoleIsNotServed(String path) {
        given().urlEncodingEnabled(false)
                .get(path)
                .then()
                .statusCode(404)
                .contentType("application/problem+json")
                .body("code", equalTo("no-such-path"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/problems", "/console/console.css", "/q/openapi", "/q/health/live"})
    void otherPagesAreServed(String path) {
        get(path).then().statusCode(200);
    }

    @Test
    void conversationsWithSuchNamesAreServed() {
        get("/api/conversation/a.js").then().statusCode(401);
    }
}
