package consulting.lmx.conversation.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.SigningKey;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The packaged jar with one way to check tokens, with both, and with keys that cannot be read. */
class TokenSettingsIT {

    private final String name = TestServer.newDatabase();

    @AfterEach
    void drop() {
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(name).drop();
        }
    }

    private Map<String, String> settings(Map<String, String> more) {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.putAll(more);
        return settings;
    }

    private Map<String, String> withoutSecret(Map<String, String> more) {
        Map<String, String> settings = settings(more);
        settings.remove("AUTH_SECRET");
        return settings;
    }

    private static String refusal(Map<String, String> settings) throws IOException, InterruptedException {
        try (Service service = Service.start(settings)) {
            assertThat(service.process().waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(service.process().exitValue()).isNotZero();
            return service.log();
        }
    }

    @Test
    void bothWaysAreRefusedTogetherWithAllElseThatIsWrong() throws Exception {
        assertThat(refusal(settings(Map.of(
                        "AUTH_SECRET", "short",
                        "AUTH_JWKS_URL", "ftp://id.example/jwks.json",
                        "CONVERSATIONS_AUTH_DEV_USER", "anybody"))))
                .contains("AUTH_SECRET and AUTH_JWKS_URL are both set")
                .contains("remove the one that your tokens are not signed with")
                .contains("AUTH_SECRET is shorter than 32 bytes")
                .contains("AUTH_JWKS_URL is no place that keys can be read from (ftp is none of file, http and https)")
                .contains("dev-user is set");
    }

    @Test
    void previousSecretIsRefusedWithoutASecretAndWhereItIsWeak() throws Exception {
        assertThat(refusal(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", "https://id.example/jwks.json",
                        "AUTH_SECRET_PREVIOUS", "another-secret-for-the-tests-of-32-bytes"))))
                .contains("AUTH_SECRET_PREVIOUS is set without AUTH_SECRET");
        assertThat(refusal(
                        settings(Map.of("AUTH_SECRET_PREVIOUS", "short", "AUTH_ROLES_CLAIM", "realm_access..roles"))))
                .contains("AUTH_SECRET_PREVIOUS is shorter than 32 bytes")
                .contains("AUTH_ROLES_CLAIM has an empty name in it")
                .doesNotContain("AUTH_SECRET is");
    }

    @Test
    void bothSecretsAreTakenWhileTheyAreRotated() throws Exception {
        String previous = "the-secret-that-was-used-until-now-of-32-bytes";
        String[] good = {Tokens.of("ann"), Tokens.signedBy(previous, "ann")};
        try (Service service = Service.start(settings(Map.of("AUTH_SECRET_PREVIOUS", previous)))) {
            service.awaitReady();
            for (String token : good) {
                assertThat(status(service, token)).isEqualTo(200);
                assertThat(status(service, token)).isEqualTo(200);
            }
            assertThat(status(service, Tokens.signedBy(previous + "a", "ann"))).isEqualTo(401);
            assertThat(status(service, Tokens.signedBy(previous, " "))).isEqualTo(401);
            assertThat(service.log()).doesNotContain(previous, Tokens.SECRET, "event=audience-unchecked");
        }
    }

    private static int status(Service service, String token) throws Exception {
        return service.get("/api/conversation", "Authorization", "Bearer " + token)
                .statusCode();
    }

    @Test
    void keysWithoutAnAudienceAreWarnedOf() throws Exception {
        SigningKey key = SigningKey.of("ES256");
        try (KeyServer server = KeyServer.start();
                Service without = Service.start(withoutSecret(Map.of("AUTH_JWKS_URL", server.url())));
                Service with = Service.start(
                        withoutSecret(Map.of("AUTH_JWKS_URL", server.url(), "AUTH_AUDIENCE", "conversations")))) {
            server.publish(key);
            without.awaitReady();
            with.awaitReady();
            assertThat(without.log()).contains("event=audience-unchecked AUTH_AUDIENCE is not set");
            assertThat(with.log()).doesNotContain("event=audience-unchecked");
            String others = key.token(Map.of("sub", "ann", "aud", "payments"));
            await().atMost(Duration.ofSeconds(20)).until(() -> status(without, others) == 200);
            assertThat(status(with, others)).isEqualTo(401);
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> status(with, key.token(Map.of("sub", "ann", "aud", "conversations"))) == 200);
        }
    }

    @Test
    void neitherWayIsRefusedAndBothAreNamed() throws Exception {
        assertThat(refusal(withoutSecret(Map.of())))
                .contains("AUTH_SECRET is not set, and AUTH_JWKS_URL neither")
                .doesNotContain("MONGODB_URI is not set");
    }

    @Test
    void boundsOfTheReadingsAreSaidWithConsequenceAndRemedy() throws Exception {
        assertThat(refusal(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", "https://id.example/jwks.json",
                        "CONVERSATIONS_AUTH_JWKS_REFRESH", "0S",
                        "CONVERSATIONS_AUTH_JWKS_PAUSE", "2H",
                        "CONVERSATIONS_AUTH_JWKS_TIMEOUT", "10M"))))
                .contains(
                        "conversations.auth.jwks.refresh must be 1S or more, or the keys would be read without a pause")
                .contains("conversations.auth.jwks.pause must be 1H or less")
                .contains("conversations.auth.jwks.timeout must be 1M or less");
    }

    @Test
    void keysThatCannotBeReadAtTheStartAreWaitedFor() throws Exception {
        SigningKey key = SigningKey.of("EdDSA");
        String token = "Bearer " + key.token(Map.of("sub", "ann", "iss", "https://id.example"));
        try (KeyServer server = KeyServer.down();
                Service service = Service.start(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", server.url(),
                        "AUTH_ISSUER", "https://id.example",
                        "CONVERSATIONS_AUTH_JWKS_PAUSE", "0.2S")))) {
            service.awaitReady();
            HttpResponse<String> early = service.get("/api/conversation", "Authorization", token);
            assertThat(early.statusCode()).isEqualTo(503);
            assertThat(early.headers().firstValue("Content-Type")).contains("application/problem+json");
            assertThat(early.headers().firstValue("Retry-After")).contains("1");
            assertThat(early.body()).contains("The keys to check tokens with cannot be read just now");
            assertThat(service.status("/api/conversation")).isEqualTo(401);
            assertThat(service.status("/q/health/live")).isEqualTo(200);
            assertThat(service.log()).contains("event=keys-unread").doesNotContain("event=keys-unprotected");

            server.publish(key);
            server.up();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> service.get("/api/conversation", "Authorization", token)
                                    .statusCode()
                            == 200);
            assertThat(service.get("/api/conversation", "Authorization", "Bearer " + key.token("ann"))
                            .statusCode())
                    .isEqualTo(401);
        }
    }

    @Test
    void plainHttpToElsewhereIsWarnedOf() throws Exception {
        try (Service service = Service.start(withoutSecret(Map.of("AUTH_JWKS_URL", "http://keys.invalid/jwks.json")))) {
            service.awaitLive();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> service.log().contains("event=keys-unprotected AUTH_JWKS_URL is http://keys.invalid"));
        }
    }
}
