package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.status;
import static io.restassured.RestAssured.given;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.SigningKey;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A JWKS file that does not exist at startup, and that is replaced later. */
@QuarkusTest
@TestProfile(KeyFileTest.WithFile.class)
class KeyFileTest {

    private static final Path FILE = Path.of("target", "keys of the test.json");

    public static class WithFile implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "conversations.auth.secret", "",
                    "conversations.auth.jwks.url", FILE.toString(),
                    "conversations.auth.jwks.refresh", "1S");
        }
    }

    private static void awaitStatus(int status, String token) {
        await().atMost(Duration.ofSeconds(30)).until(() -> status(token) == status);
    }

    @Test
    void keysFollowTheFile() throws IOException {
        Files.deleteIfExists(FILE);
        SigningKey first = SigningKey.of("RS256");
        SigningKey second = SigningKey.of("ES256");
        awaitStatus(503, first.token("ann"));
        given().get("/q/health/live").then().statusCode(200);

        Files.writeString(FILE, SigningKey.jwks(first));
        awaitStatus(200, first.token("ann"));
        Files.writeString(FILE, SigningKey.jwks(second));
        awaitStatus(200, second.token("ann"));
        awaitStatus(401, first.token("ann"));

        Files.writeString(FILE, "x".repeat(513 * 1024));
        awaitStatus(503, first.token("ann"));
        Files.delete(FILE);
        awaitStatus(503, first.token("ann"));
        awaitStatus(200, second.token("ann"));
    }
}
