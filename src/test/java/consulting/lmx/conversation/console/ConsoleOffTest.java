package consulting.lmx.conversation.console;

import static io.restassured.RestAssured.get;
import static org.hamcrest.Matchers.equalTo;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.util.Map;
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
    @ValueSource(strings = {"/", "/index.html", "/console/app.js", "//index.html", "/console/../index.html"})
    void consoleIsNotServed(String path) {
        get(path).then().statusCode(404).contentType("application/problem+json").body("code", equalTo("no-such-path"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/problems", "/console/console.css", "/q/openapi", "/q/health/live"})
    void otherPagesAreServed(String path) {
        get(path).then().statusCode(200);
    }
}
