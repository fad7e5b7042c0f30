package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.status;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.KeyServerResource;
import consulting.lmx.conversation.testsupport.SigningKey;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Forged tokens do not decide how often the keys are read. */
@QuarkusTest
@WithTestResource(
        value = KeyServerResource.class,
        initArgs = @ResourceArg(name = "conversations.auth.jwks.refresh", value = "24H"))
class MadeUpKeysTest {

    KeyServer server;

    @Test
    void tokensWithUnknownKeysCauseOneRefresh() {
        SigningKey key = SigningKey.of("ES256");
        server.publish(key);
        await().atMost(Duration.ofSeconds(60)).until(() -> status(key.token("ann")) == 200);
        ExecutorService callers = Executors.newFixedThreadPool(16);
        try {
            List<CompletableFuture<Integer>> answers = IntStream.range(0, 300)
                    .mapToObj(i -> key.token(Map.of("sub", "ann"), Map.of("kid", "made-up-" + i)))
                    .map(token -> CompletableFuture.supplyAsync(() -> status(token), callers))
                    .toList();
            assertThat(answers).allSatisfy(answer -> assertThat(answer.join()).isEqualTo(401));
        } finally {
            callers.shutdownNow();
        }
        assertThat(server.reads())
                .as("reads at startup, for the new key and at most one more")
                .isBetween(2, 3);
        assertThat(status(key.token("ann"))).isEqualTo(200);
    }
}
