package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.KeyServerResource;
import consulting.lmx.conversation.testsupport.SigningKey;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Periodic refreshes, and a required issuer. */
@QuarkusTest
@WithTestResource(
        value = KeyServerResource.class,
        initArgs = {
            @ResourceArg(name = "conversations.auth.jwks.refresh", value = "1S"),
            @ResourceArg(name = "conversations.auth.issuer", value = KeyRotationTest.ISSUER)
        })
@Tag("slow")
class KeyRotationTest {

    static final String ISSUER = "https://id.example";

    KeyServer server;

    @Inject
    TokenVerifier verifier;

    @Inject
    VerifiedTokens verified;

    private static String token(SigningKey key) {
        return key.token(Map.of("sub", "ann", "iss", ISSUER));
    }

    private static void awaitStatus(int status, String token) {
        await().atMost(Duration.ofSeconds(60)).until(() -> status(token) == status);
    }

    @Test
    void keysRotateWithoutRestart() {
        SigningKey first = SigningKey.of("RS256");
        SigningKey second = SigningKey.of("EdDSA");
        server.publish(first);
        awaitStatus(200, token(first));
        server.publish(first, second);
        awaitStatus(200, token(second));
        assertThat(status(token(first))).isEqualTo(200);
        server.publish(second);
        awaitStatus(401, token(first));
        assertThat(status(token(second))).isEqualTo(200);
    }

    @Test
    void cachedTokenIsRejectedWithItsKey() {
        SigningKey key = SigningKey.of("RS256");
        String token = token(key);
        server.publish(key);
        awaitStatus(200, token);
        server.publish(SigningKey.of("RS256"));
        awaitStatus(401, token);
        server.publish(key);
        awaitStatus(200, token);

        SigningKey sameId = SigningKey.of("RS256");
        sameId.jwk().setKeyId(key.id());
        server.publish(sameId);
        awaitStatus(401, token);
        awaitStatus(200, token(sameId));
    }

    @Test
    void tokenCheckOutlivesTheRequest() {
        SigningKey key = SigningKey.of("RS256");
        String more = "x".repeat(VerifiedTokens.MAX_LENGTH); // too long to be cached
        String token = key.token(Map.of("sub", "ann", "iss", ISSUER, "more", more));
        server.publish(key);
        awaitStatus(200, token);
        SecurityIdentity ann = QuarkusSecurityIdentity.builder()
                .setPrincipal(verifier.verify(token).await().indefinitely())
                .build();
        BooleanSupplier check = new Caller(ann, verified).tokenCheck();
        assertThat(check.getAsBoolean()).isTrue();
        server.publish(SigningKey.of("RS256"));
        await().atMost(Duration.ofSeconds(60)).until(() -> !check.getAsBoolean());
    }

    @Test
    void callersThatWaitForAKeyBlockNoOthers() throws InterruptedException {
        SigningKey known = SigningKey.of("ES256");
        SigningKey next = SigningKey.of("ES256");
        server.publish(known);
        awaitStatus(200, token(known));
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch answered = new CountDownLatch(1);
        server.answer(exchange -> {
            asked.countDown();
            try {
                answered.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            KeyServer.send(exchange, SigningKey.jwks(known, next));
        });
        asked.await();
        int reads = server.reads();
        ExecutorService callers = Executors.newFixedThreadPool(32);
        try {
            List<CompletableFuture<Integer>> waiting = IntStream.range(0, 32)
                    .mapToObj(i -> CompletableFuture.supplyAsync(() -> status(token(next)), callers))
                    .toList();
            for (int i = 0; i < 32; i++) {
                assertThat(status(token(known))).isEqualTo(200);
            }
            assertThat(waiting).noneMatch(CompletableFuture::isDone);
            assertThat(server.reads()).isEqualTo(reads);
            answered.countDown();
            assertThat(waiting).allSatisfy(answer -> assertThat(answer.join()).isEqualTo(200));
        } finally {
            answered.countDown();
            callers.shutdownNow();
        }
    }

    @Test
    void tokenOfAnotherIssuerIsRejected() {
        SigningKey key = SigningKey.of("RS256");
        server.publish(key);
        awaitStatus(200, token(key));
        assertThat(status(key.token(Map.of("sub", "ann", "iss", ISSUER + "/")))).isEqualTo(401);
        assertThat(status(key.token(Map.of("sub", "ann", "iss", List.of(ISSUER)))))
                .isEqualTo(401);
        assertThat(status(key.token(Map.of("sub", "ann", "iss", 1)))).isEqualTo(401);
        assertThat(status(key.token("ann"))).isEqualTo(401);
    }
}
