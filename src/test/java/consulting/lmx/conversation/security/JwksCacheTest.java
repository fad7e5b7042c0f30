package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.withToken;
import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.matchesRegex;
import static org.hamcrest.Matchers.not;

import com.sun.net.httpserver.HttpHandler;
import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.KeyServerResource;
import consulting.lmx.conversation.testsupport.SigningKey;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.response.Response;
import jakarta.enterprise.inject.Alternative;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Refreshes of {@code AUTH_JWKS_URL}. They happen only on demand here, so that each one has a known cause. */
@QuarkusTest
@WithTestResource(
        value = KeyServerResource.class,
        initArgs = @ResourceArg(name = "conversations.auth.jwks.refresh", value = "24H"))
@Tag("slow")
@TestProfile(JwksCacheTest.ShortPause.class)
class JwksCacheTest {

    private static final String UNREADABLE = "The keys that verify tokens cannot be read. Try again later.";

    public static class ShortPause implements QuarkusTestProfile {
        @Override
        public Set<Class<?>> getEnabledAlternatives() {
            return Set.of(QuickJwksCache.class);
        }
    }

    /** Refreshes on demand five times a second. */
    @Alternative
    @Singleton
    static class QuickJwksCache extends JwksCache {

        @Inject
        QuickJwksCache(AuthConfig config, ServiceConfig service) {
            super(config, service, Duration.ofMillis(200));
        }
    }

    KeyServer server;

    private final CountDownLatch end = new CountDownLatch(1);

    @AfterEach
    void letGo() {
        end.countDown();
    }

    private static Response call(String token) {
        return withToken(token).get("/api/conversation");
    }

    /** Repeats a call until it causes a refresh, which the rate limit may delay. */
    private Response callThatReads(String token) {
        int before = server.reads();
        return await().atMost(Duration.ofSeconds(30)).until(() -> call(token), answer -> server.reads() > before);
    }

    private void publishAndUse(SigningKey... keys) {
        server.publish(keys);
        callThatReads(keys[0].token("ann")).then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = {"RS256", "ES256", "EdDSA"})
    void tokenOfAPublishedKeyIsAccepted(String algorithm) {
        SigningKey key = SigningKey.of(algorithm);
        publishAndUse(key, SigningKey.of("RS256"));
        given().cookie("auth-token", key.token("ann"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("ann"));
    }

    @Test
    void tokenWithoutKeyIdNeedsASingleKey() {
        SigningKey key = SigningKey.of("ES256");
        publishAndUse(key);
        call(key.token(Map.of("sub", "ann"), Map.of())).then().statusCode(200);
        publishAndUse(SigningKey.of("RS256"), key);
        call(key.token(Map.of("sub", "bob"), Map.of())).then().statusCode(401);
    }

    @Test
    void firstTokenOfANewKeyWaitsForARefresh() {
        SigningKey old = SigningKey.of("RS256");
        SigningKey young = SigningKey.of("ES256");
        publishAndUse(old);
        server.publish(old, young);
        callThatReads(young.token("ann")).then().statusCode(200);
        int reads = server.reads();
        call(old.token("ann")).then().statusCode(200);
        call(young.token("ann")).then().statusCode(200);
        assertThat(server.reads()).isEqualTo(reads);
    }

    @Test
    void withdrawnKeyIsRejectedAfterARefresh() {
        SigningKey stolen = SigningKey.of("RS256");
        SigningKey next = SigningKey.of("RS256");
        publishAndUse(stolen, next);
        server.publish(next);
        call(stolen.token("ann")).then().statusCode(200);
        callThatReads(SigningKey.of("RS256").token("ann")).then().statusCode(401);
        call(stolen.token("ann")).then().statusCode(401);
        call(next.token("ann")).then().statusCode(200);
    }

    @Test
    void emptySetWithdrawsAllKeys() {
        SigningKey stolen = SigningKey.of("RS256");
        publishAndUse(stolen);
        server.publish("{\"keys\":[]}");
        callThatReads(SigningKey.of("RS256").token("ann")).then().statusCode(401);
        call(stolen.token("ann")).then().statusCode(401);
    }

    @Test
    void invalidKeysAreSkipped() {
        SigningKey key = SigningKey.of("ES256");
        server.publish(SigningKey.jwks(key)
                .replace(
                        "{\"keys\":[",
                        "{\"more\":1,\"keys\":[{},{\"kty\":\"none\",\"kid\":\"x\"},{\"kty\":\"RSA\",\"n\":\"!\"},"));
        callThatReads(key.token("ann")).then().statusCode(200);
    }

    private void untilEnd() {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static Stream<Arguments> wrongAnswers() {
        String good = SigningKey.jwks(SigningKey.of("RS256"));
        HttpHandler elsewhere = exchange -> {
            exchange.getResponseHeaders().add("Location", "/elsewhere");
            exchange.sendResponseHeaders(302, -1);
        };
        HttpHandler broken = exchange -> {
            exchange.sendResponseHeaders(200, 1000);
            exchange.getResponseBody().write(good.substring(0, 100).getBytes());
        };
        return Stream.of(
                Arguments.of("status 500", (HttpHandler) exchange -> exchange.sendResponseHeaders(500, -1)),
                Arguments.of("status 404 with keys", (HttpHandler) exchange -> {
                    exchange.sendResponseHeaders(404, good.length());
                    exchange.getResponseBody().write(good.getBytes());
                }),
                Arguments.of("a redirect", elsewhere),
                Arguments.of("an end in the middle", broken),
                Arguments.of("too long an answer", text("{\"keys\":[]}" + " ".repeat(512 * 1024))),
                Arguments.of("nothing", text("")),
                Arguments.of("no JSON", text("<html>Sign in</html>")),
                Arguments.of("an array", text("[]")),
                Arguments.of("another object", text("{\"issuer\":\"x\"}")),
                Arguments.of("keys that are no array", text("{\"keys\":{}}")),
                Arguments.of("keys that are no objects", text("{\"keys\":[1,\"two\"]}")),
                Arguments.of("too deep a nest", text("{\"keys\":" + "[".repeat(100_000))));
    }

    private static HttpHandler text(String text) {
        return exchange -> KeyServer.send(exchange, text);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongAnswers")
    void failedRefreshKeepsTheKeys(String what, HttpHandler answer) {
        keepsTheKeys(() -> server.answer(answer), () -> {});
    }

    @Test
    void silentServerKeepsTheKeys() {
        keepsTheKeys(() -> server.answer(exchange -> untilEnd()), () -> {});
    }

    @Test
    void slowResponseKeepsTheKeys() {
        keepsTheKeys(
                () -> server.answer(exchange -> {
                    exchange.sendResponseHeaders(200, 0);
                    exchange.getResponseBody().write('{');
                    exchange.getResponseBody().flush();
                    untilEnd();
                }),
                () -> {});
    }

    @Test
    void stoppedServerKeepsTheKeys() {
        keepsTheKeys(server::stop, () -> server.up());
    }

    @Test
    void endlessResponseIsCutOff() throws InterruptedException {
        CountDownLatch cutOff = new CountDownLatch(1);
        keepsTheKeys(
                () -> server.answer(exchange -> {
                    exchange.sendResponseHeaders(200, 0);
                    try {
                        while (end.getCount() > 0) {
                            exchange.getResponseBody().write(new byte[10_000]);
                        }
                    } catch (IOException e) {
                        cutOff.countDown();
                        throw e;
                    }
                }),
                () -> {});
        assertThat(cutOff.await(10, TimeUnit.SECONDS)).isTrue();
    }

    private interface Step {
        void take() throws Exception;
    }

    private void keepsTheKeys(Runnable breaks, Step mends) {
        SigningKey known = SigningKey.of("RS256");
        SigningKey unknown = SigningKey.of("RS256");
        publishAndUse(known);
        breaks.run();
        await().atMost(Duration.ofSeconds(30))
                .until(() -> call(unknown.token("ann")).statusCode() == 503);
        call(unknown.token("ann"))
                .then()
                .statusCode(503)
                .contentType("application/problem+json")
                .header("Retry-After", matchesRegex("[1-9][0-9]*"))
                .header("WWW-Authenticate", equalTo(null))
                .body("title", equalTo("Service Unavailable"))
                .body("detail", equalTo(UNREADABLE))
                .body("errorId", not(equalTo(null)));
        call(known.token("ann")).then().statusCode(200);
        call("nonsense").then().statusCode(401);
        given().get("/api/conversation").then().statusCode(401);
        given().get("/q/health/live").then().statusCode(200);

        try {
            mends.take();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        server.publish(unknown);
        callThatReads(unknown.token("ann")).then().statusCode(200);
        call(known.token("ann")).then().statusCode(401);
    }
}
