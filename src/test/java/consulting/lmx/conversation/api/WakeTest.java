package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Who waits is woken by the next call, and by one that came before he waited. */
class WakeTest {

    private final Wake wake = new Wake();

    private CompletableFuture<Void> next() {
        return wake.next().subscribeAsCompletionStage();
    }

    @Test
    void comesWithTheNextCall() {
        CompletableFuture<Void> waiting = next();
        assertThat(waiting).isNotDone();
        wake.call();
        assertThat(waiting).isCompleted();
        assertThat(next()).isNotDone();
    }

    @Test
    void callsThatCameBeforeAreOne() {
        wake.call();
        wake.call();
        assertThat(next()).isCompleted();
        CompletableFuture<Void> waiting = next();
        assertThat(waiting).isNotDone();
        wake.call();
        assertThat(waiting).isCompleted();
    }
}
