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
import io.smallrye.jwt.build.Jwt;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The packaged jar with a secret, a JWKS, both, and unreadable keys. */
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
    void allErrorsOfTheSettingsAreReportedTogether() throws Exception {
        assertThat(refusal(settings(Map.of(
                        "AUTH_SECRET", "short",
                        "AUTH_JWKS_URL", "ftp://id.example/jwks.json",
                        "CONVERSATIONS_AUTH_DEV_USER", "anybody"))))
                .contains("AUTH_SECRET and AUTH_JWKS_URL are both set")
                .contains("remove the one with which your tokens are not signed")
                .contains("AUTH_SECRET is shorter than 32 bytes")
                .contains("AUTH_JWKS_URL is not a valid location (the scheme ftp is not file, http or https)")
                .contains("dev-user is set");
    }

    @Test
    void previousSecretNeedsASecretAndItsLength() throws Exception {
        assertThat(refusal(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", "https://id.example/jwks.json",
                        "AUTH_SECRET_PREVIOUS", "another-secret-for-the-tests-of-32-bytes"))))
                .contains("AUTH_SECRET_PREVIOUS is set without AUTH_SECRET");
        assertThat(refusal(
                        settings(Map.of("AUTH_SECRET_PREVIOUS", "short", "AUTH_ROLES_CLAIM", "realm_access..roles"))))
                .contains("AUTH_SECRET_PREVIOUS is shorter than 32 bytes")
                .contains("AUTH_ROLES_CLAIM contains an empty name")
                .doesNotContain("AUTH_SECRET is");
    }

    @Test
    void bothSecretsAreAcceptedDuringRotation() throws Exception {
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

    static Stream<Arguments> pairsOfSecrets() {
        return Stream.of(
                Arguments.of("$ a secret of 32 bytes or more, please $", "$$ a secret of 32 bytes or more $$"),
                Arguments.of("${X} a secret of 32 bytes or more, please", "$${X} a secret of 32 bytes or more ${PATH}"),
                Arguments.of(
                        "\\$ a \\ secret of \\\\ 32 bytes \\${X} \\n", "a secret, of 32 bytes,or more\\, with commas"),
                Arguments.of(
                        "  a secret of 32 bytes or more, please  ",
                        "a secret of 32 bytes or more and its end of line\n"),
                Arguments.of(
                        "ein Schlüssel, der mehr als 32 Bytes hat 😀", "${AUTH_SECRET} %24 ${AUTH_SECRET:x} {}$}"));
    }

    @ParameterizedTest
    @MethodSource("pairsOfSecrets")
    void secretIsUsedLiterally(String secret, String previous) throws Exception {
        try (Service service = Service.start(settings(Map.of(
                "LC_ALL", "C.UTF-8",
                "AUTH_SECRET", secret,
                "AUTH_SECRET_PREVIOUS", previous,
                "AUTH_ISSUER", "$$ ${X}",
                "AUTH_AUDIENCE", "$${X}, \\$",
                "AUTH_ROLES_CLAIM", "${X}.$$",
                "AUTH_COOKIE", "$$a",
                "MONGODB_URI", withName(TestServer.uri()))))) {
            service.awaitReady();
            List<String> secrets = List.of(secret, previous);
            for (String key : secrets) {
                assertThat(status(service, nastyToken(key))).isEqualTo(200);
                assertThat(service.get("/api/admin/integrity", "Cookie", "$$a=" + nastyToken(key))
                                .statusCode())
                        .isEqualTo(200);
            }
            for (String other : List.of(secret.strip(), previous.strip(), previous.replace("$$", "$"))) {
                assertThat(status(service, nastyToken(other))).isEqualTo(secrets.contains(other) ? 200 : 401);
            }
        }
    }

    private static String nastyToken(String key) {
        return Jwt.issuer("$$ ${X}")
                .subject("ann")
                .audience("$${X}, \\$")
                .claim("${X}", Map.of("$$", List.of("admin")))
                .expiresIn(600)
                .signWithSecret(key);
    }

    private static String withName(String uri) {
        return uri + (uri.contains("?") ? "&" : "/?") + "appName=a$$b${X}";
    }

    @Test
    void commandsUseTheConnectionStringLiterally() throws Exception {
        Path folder = Path.of("target").toAbsolutePath();
        Map<String, String> environment = Map.of("MONGODB_DB", name, "MONGODB_URI", withName(TestServer.uri()));
        assertThat(Service.run(folder, "", environment, "heal").code()).isZero();
        assertThat(Service.run(folder, "", environment, "verify").code()).isZero();
        try (Service service = Service.start(settings(Map.of()))) {
            service.awaitReady();
            String[] smoke = {"smoke", "--url", service.uri("").toString(), "--token", Tokens.of("ann")};
            // The embedded server has no validator, so it accepts what smoke inserts past the service.
            assertThat(Service.run(folder, "", environment, smoke).code()).isEqualTo(TestServer.isGenuine() ? 0 : 1);
        }
    }

    @Test
    void serviceUsesTheConnectionStringLiterally() throws Exception {
        try (ServerSocket database = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            database.setSoTimeout(60_000);
            Process verify = Service.command(
                    Path.of("target").toAbsolutePath(),
                    Map.of("MONGODB_URI", withName("mongodb://127.0.0.1:" + database.getLocalPort())),
                    "verify");
            try (Socket connection = database.accept()) {
                byte[] handshake = new byte[1000];
                int read = connection.getInputStream().read(handshake);
                assertThat(new String(handshake, 0, read, StandardCharsets.ISO_8859_1))
                        .contains("a$$b${X}");
            } finally {
                verify.destroy();
            }
        }
    }

    /** In such a locale every byte that is not ASCII becomes the same character, so anybody could sign with it. */
    @Test
    void secretThatTheLocaleCannotDecodeIsRejected() throws Exception {
        assertThat(refusal(settings(Map.of("LC_ALL", "C", "AUTH_SECRET", "ä".repeat(40)))))
                .contains("AUTH_SECRET contains characters that this process cannot decode")
                .contains("LC_ALL=C.UTF-8");
    }

    private static int status(Service service, String token) throws Exception {
        return service.get("/api/conversation", "Authorization", "Bearer " + token)
                .statusCode();
    }

    @Test
    void missingAudienceIsLogged() throws Exception {
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
    void missingSecretAndJwksAreReported() throws Exception {
        assertThat(refusal(withoutSecret(Map.of())))
                .contains("Neither AUTH_SECRET nor AUTH_JWKS_URL is set")
                .doesNotContain("MONGODB_URI is not set");
    }

    @Test
    void invalidAllowedOriginsAreReported() throws Exception {
        assertThat(refusal(settings(Map.of(
                        "ALLOWED_ORIGINS",
                        "null,https://slash.example/,no-scheme.example,https://Upper.example,https://good.example,"
                                + "app://good,http://good.example:8080"))))
                .contains(
                        "ALLOWED_ORIGINS contains null, https://slash.example/, no-scheme.example, https://Upper.example,");
    }

    @Test
    void refreshIntervalOutOfBoundsIsReported() throws Exception {
        assertThat(refusal(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", "https://id.example/jwks.json",
                        "CONVERSATIONS_AUTH_JWKS_REFRESH", "0S"))))
                .contains("conversations.auth.jwks.refresh must be 1S to 24H: correct it");
    }

    @Test
    void serviceStartsWithoutTheKeysAndReadsThemLater() throws Exception {
        SigningKey key = SigningKey.of("EdDSA");
        String token = "Bearer " + key.token(Map.of("sub", "ann", "iss", "https://id.example"));
        try (KeyServer server = KeyServer.down();
                Service service = Service.start(withoutSecret(Map.of(
                        "AUTH_JWKS_URL", server.url(),
                        "AUTH_ISSUER", "https://id.example",
                        "CONVERSATIONS_AUTH_JWKS_REFRESH", "1S")))) {
            service.awaitReady();
            HttpResponse<String> early = service.get("/api/conversation", "Authorization", token);
            assertThat(early.statusCode()).isEqualTo(503);
            assertThat(early.headers().firstValue("Content-Type")).contains("application/problem+json");
            assertThat(early.headers().firstValue("Retry-After")).contains("1");
            assertThat(early.body()).contains("The keys that verify tokens cannot be read");
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
    void unprotectedJwksUrlIsLogged() throws Exception {
        try (Service service = Service.start(withoutSecret(Map.of("AUTH_JWKS_URL", "http://keys.invalid/jwks.json")))) {
            service.awaitLive();
            await().atMost(Duration.ofSeconds(20))
                    .until(() -> service.log().contains("event=keys-unprotected AUTH_JWKS_URL is http://keys.invalid"));
        }
    }
}
