package consulting.lmx.conversation.http.connection;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheckResponse.Status;
import org.junit.jupiter.api.Test;

class EventLoopsTest {

    /** Tasks of the blocked loop. */
    private final List<Runnable> tasks = new ArrayList<>();

    private final EventLoops loops = new EventLoops(List.of(Runnable::run, tasks::add));

    private void check(int times) {
        for (int i = 0; i < times; i++) {
            loops.check();
        }
    }

    private Status status() {
        return loops.call().await().indefinitely().getStatus();
    }

    @Test
    void blockedLoopTurnsLivenessDown() {
        check(EventLoops.MAX_MISSED);
        assertThat(status()).isEqualTo(Status.UP);
        check(1);
        assertThat(status()).isEqualTo(Status.DOWN);
    }

    @Test
    void slowLoopIsAlive() {
        check(EventLoops.MAX_MISSED - 1);
        tasks.forEach(Runnable::run);
        check(EventLoops.MAX_MISSED);
        assertThat(status()).isEqualTo(Status.UP);
    }

    @Test
    void blockedLoopGetsOneTaskOnly() {
        check(10);
        assertThat(tasks).hasSize(1);
    }
}
