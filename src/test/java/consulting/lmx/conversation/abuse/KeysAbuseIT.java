package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.SigningKey;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.bson.Document;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** JWKS servers without valid keys, or with keys that must not verify tokens. Known keys stay valid. */
class KeysAbuseIT {

    private static final AtomicLong FLOODED = new AtomicLong();

    private static Scene scene;
    private static volatile CountDownLatch caseIsOver = new CountDownLatch(1);

    @BeforeAll
    static void start() throws Exception {
        scene = new Scene();
    }

    @AfterEach
    void assertUnchanged() {
        caseIsOver.countDown();
        caseIsOver = new CountDownLatch(1);
        scene.assertUnchangedSinceLastCheck();
    }

    @AfterAll
    static void end() throws Exception {
        scene.close();
    }

    /** Responses that are no JWKS: then tokens with unknown keys are answered with 503. */
    static Stream<Arguments> responsesWithoutKeys() {
        String good = SigningKey.jwks(scene.mallorys);
        return Stream.of(
                Arguments.of("no answer", 503, (HttpHandler) KeysAbuseIT::wait),
                Arguments.of("a head, and then nothing", 503, (HttpHandler) exchange -> {
                    exchange.sendResponseHeaders(200, good.length());
                    exchange.getResponseBody().write('{');
                    wait(exchange);
                }),
                Arguments.of("an end without an answer", 503, (HttpHandler) HttpExchange::close),
                Arguments.of("less than was announced", 503, (HttpHandler) exchange -> {
                    exchange.sendResponseHeaders(200, good.length() + 1);
                    exchange.getResponseBody().write(good.getBytes(StandardCharsets.UTF_8));
                }),
                Arguments.of("100 MiB", 503, (HttpHandler) KeysAbuseIT::flood),
                Arguments.of("a set that is too long", 503, text(good + " ".repeat(600 << 10))),
                Arguments.of("a redirect to a stranger", 503, status(302, "Location", scene.mallorysServer.url())),
                Arguments.of("a redirect to a file", 503, status(301, "Location", "file:///etc/passwd")),
                Arguments.of("status 500", 503, status(500, "Retry-After", "1")),
                Arguments.of("status 404", 503, status(404, "X-A", "a")),
                Arguments.of("status 204", 503, status(204, "X-A", "a")),
                Arguments.of("nothing", 503, text("")),
                Arguments.of("HTML", 503, text("<!DOCTYPE html><title>Sign in</title>")),
                Arguments.of("a list", 503, text("[" + good + "]")),
                Arguments.of("a text", 503, text("\"keys\"")),
                Arguments.of("no keys", 503, text("{\"issuer\": \"a\"}")),
                Arguments.of("keys that are null", 503, text("{\"keys\": null}")),
                Arguments.of("keys that are an object", 503, text("{\"keys\": {\"a\": 1}}")),
                Arguments.of("keys twice", 503, text("{\"keys\": [], \"keys\": []}")),
                Arguments.of("lists 100000 deep", 503, text("[".repeat(100_000))),
                Arguments.of("objects 50000 deep", 503, text("{\"keys\":".repeat(50_000))));
    }

    private static HttpHandler text(String text) {
        return exchange -> KeyServer.send(exchange, text);
    }

    private static HttpHandler status(int status, String header, String value) {
        return exchange -> {
            exchange.getResponseHeaders().add(header, value);
            exchange.sendResponseHeaders(status, -1);
        };
    }

    /** Blocks until the end of the test case. */
    private static void wait(HttpExchange exchange) {
        try {
            caseIsOver.await(60, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void flood(HttpExchange exchange) throws IOException {
        exchange.sendResponseHeaders(200, 0);
        byte[] some = new byte[64 << 10];
        Arrays.fill(some, (byte) ' ');
        for (int sent = 0; sent < 100 << 20; sent += some.length) {
            exchange.getResponseBody().write(some);
            FLOODED.set(sent);
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("responsesWithoutKeys")
    void responseWithoutKeys(String name, int expected, HttpHandler answer) throws Exception {
        String known = scene.published.token(Map.of("sub", "mallory", "iss", Scene.ISSUER, "aud", Scene.AUDIENCE));
        String unknown = scene.mallorys.token(Map.of("sub", Scene.OWNER, "iss", Scene.ISSUER, "aud", Scene.AUDIENCE));
        publishAndAwait(scene.published);
        int reads = scene.keyServer.reads();
        scene.keyServer.answer(answer);
        await("the refresh has failed, and the unknown key is rejected")
                .pollInterval(Duration.ofMillis(20))
                .untilAsserted(() -> {
                    Scene.assertAnswered(askByKey(unknown), String.valueOf(expected));
                    assertThat(scene.keyServer.reads()).isGreaterThan(reads);
                });
        Scene.assertAnswered(askByKey(known), "404"); // what was known stays
        assertThat(FLOODED.get()).as("bytes that were read").isLessThan(32 << 20);
    }

    /** Sets with a key of a stranger that must not verify tokens. */
    static Stream<Arguments> unusableKeys() {
        Map<String, Object> key = scene.mallorys.jwk().toParams(OutputControlLevel.PUBLIC_ONLY);
        return Stream.of(
                Arguments.of("kty of a secret", 401, List.of(with(key, "kty", "oct", "k", key.get("n")))),
                Arguments.of("kty of a curve", 401, List.of(with(key, "kty", "EC"))),
                Arguments.of("kty that is none", 401, List.of(with(key, "kty", "none"))),
                Arguments.of("kty a number", 401, List.of(with(key, "kty", 5))),
                Arguments.of("use for encryption", 401, List.of(with(key, "use", "enc"))),
                Arguments.of("use that is none", 401, List.of(with(key, "use", "none"))),
                Arguments.of("alg RS512", 401, List.of(with(key, "alg", "RS512"))),
                Arguments.of("alg HS256", 401, List.of(with(key, "alg", "HS256"))),
                Arguments.of("alg none", 401, List.of(with(key, "alg", "none"))),
                Arguments.of("for wrapping", 401, List.of(with(key, "key_ops", List.of("wrapKey")))),
                Arguments.of("modulus of nothing", 401, List.of(with(key, "n", ""))),
                Arguments.of("modulus of 8 bits", 401, List.of(with(key, "n", "_w"))),
                Arguments.of("no modulus", 401, List.of(with(key, "n", null))),
                Arguments.of("exponent an object", 401, List.of(with(key, "e", Map.of("$ne", 1)))),
                Arguments.of("kid of 10 KiB", 401, List.of(with(key, "kid", "a".repeat(10 << 10)))),
                Arguments.of("kid that is a path", 401, List.of(with(key, "kid", "../" + scene.mallorys.id()))),
                Arguments.of("kid a number", 401, List.of(with(key, "kid", 5))),
                Arguments.of("no kid", 401, List.of(with(key, "kid", null))),
                Arguments.of("kid twice in the set", 401, List.of(key, with(key, "e", "Aw"))),
                Arguments.of(
                        "an address in place of a key",
                        401,
                        List.of(Map.of(
                                "kty",
                                "RSA",
                                "kid",
                                scene.mallorys.id(),
                                "x5u",
                                scene.mallorysServer.url(),
                                "jku",
                                scene.mallorysServer.url()))));
    }

    private static Map<String, Object> with(Map<String, Object> key, Object... members) {
        Map<String, Object> changed = new HashMap<>(key);
        for (int i = 0; i < members.length; i += 2) {
            changed.put((String) members[i], members[i + 1]);
            changed.values().removeIf(Objects::isNull);
        }
        return changed;
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("unusableKeys")
    void unusableKey(String name, int expected, List<Map<String, Object>> keys) throws Exception {
        SigningKey beside = SigningKey.of("ES256");
        List<Object> all = new ArrayList<>(keys);
        all.add(beside.jwk().toParams(OutputControlLevel.PUBLIC_ONLY));
        scene.keyServer.publish(new Document("keys", all).toJson());
        awaitAccepted(beside);
        Scene.assertAnswered(
                askByKey(scene.mallorys.token(Map.of("sub", Scene.OWNER, "iss", Scene.ISSUER, "aud", Scene.AUDIENCE))),
                String.valueOf(expected));
        publishAndAwait(scene.published);
    }

    private static void publishAndAwait(SigningKey key) {
        scene.keyServer.publish(key);
        awaitAccepted(key);
    }

    private static void awaitAccepted(SigningKey key) {
        String token = key.token(Map.of("sub", "mallory", "iss", Scene.ISSUER, "aud", Scene.AUDIENCE));
        await("the key is accepted")
                .pollInterval(Duration.ofMillis(20))
                .until(() -> askByKey(token).status() == 404);
    }

    private static Answer askByKey(String token) throws IOException {
        return scene.ask(scene.byKeys, "Authorization: Bearer " + token);
    }
}
