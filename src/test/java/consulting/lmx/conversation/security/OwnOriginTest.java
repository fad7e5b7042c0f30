package consulting.lmx.conversation.security;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which {@code Origin} is the service's own, if no {@code ALLOWED_ORIGINS} is set and the browser sends no {@code Sec-Fetch-Site}. */
@QuarkusTest
@TestProfile(OwnOriginTest.WithoutCors.class)
class OwnOriginTest {

    public static class WithoutCors implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("quarkus.http.cors.enabled", "false", "quarkus.http.cors.origins", "");
        }
    }

    /** Behind a proxy that terminates TLS, the service sees no scheme, and the host with or without its port. */
    @ParameterizedTest
    @CsvSource({
        "chat.corp,      https://chat.corp,      201",
        "chat.corp:443,  https://chat.corp,      201",
        "chat.corp:80,   http://chat.corp,       201",
        "chat.corp,      https://chat.corp:443,  201",
        "chat.corp:8443, https://chat.corp:8443, 201",
        "chat.corp:8080, https://chat.corp,      403",
        "chat.corp,      https://chat.corp:8443, 403",
        "chat.corp,      https://a.chat.corp,    403",
        "chat.corp,      https://chat.corp.evil, 403",
        "chat.corp,      file://,                403",
        "chat.corp,      chat.corp,              403",
        "chat.corp,      https://CHAT.corp,      201",
    })
    void originIsComparedWithTheHost(String host, String origin, int status) {
        given().cookie("auth-token", Tokens.of("ann"))
                .header("Origin", origin)
                .header("Host", host)
                .post("/api/conversation/start")
                .then()
                .statusCode(status);
    }

    @Test
    void bearerTokenIsAcceptedFromAnyOriginDespiteCookie() {
        given().cookie("auth-token", Tokens.of("ann"))
                .header("Origin", "https://evil.example")
                .header("Authorization", "Bearer " + Tokens.of("bob"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("bob"));
    }
}
