package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class AdmissionTest {

    private static final int MOST = 10;
    private static final int BURST = 8;

    private long now = 1;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final Admission admission = new Admission(
            new RequestConfig() {
                @Override
                public Duration timeout() {
                    return Duration.ofSeconds(5);
                }

                @Override
                public int maxConcurrent() {
                    return MOST;
                }
            },
            meters,
            () -> now);

    private void enter(int calls) {
        for (int i = 0; i < calls; i++) {
            admission.enter();
        }
    }

    private void leave(int calls) {
        for (int i = 0; i < calls; i++) {
            admission.leave();
        }
    }

    private void assertFull() {
        assertThatThrownBy(admission::enter)
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED));
    }

    private double working() {
        return meters.get("conversations.requests.working").gauge().value();
    }

    private void pass(Duration time) {
        now += time.toNanos();
    }

    @Test
    void burstHasRoomForSeveralTimesTheLimit() {
        enter(BURST * MOST);
        assertFull();
        assertThat(working()).isEqualTo(BURST * MOST);
    }

    @Test
    void burstIsOverAfterASecond() {
        enter(BURST * MOST);
        pass(Duration.ofSeconds(1));
        leave(1);
        assertFull();
        leave((BURST - 1) * MOST);
        enter(1);
        assertFull();
        assertThat(working()).isEqualTo(MOST);
    }

    @Test
    void loadThatStandsIsNoNewBurstHoweverLongNobodyComes() {
        enter(BURST * MOST);
        pass(Duration.ofMinutes(1));
        assertFull();
    }

    @Test
    void freeMomentIsNoCalm() {
        enter(BURST * MOST);
        pass(Duration.ofSeconds(1));
        leave(BURST * MOST);
        pass(Duration.ofMillis(99));
        enter(MOST);
        assertFull();
    }

    @Test
    void burstHasRoomAgainAfterCalm() {
        enter(BURST * MOST);
        pass(Duration.ofSeconds(1));
        leave(BURST * MOST - MOST / 2);
        pass(Duration.ofMillis(100));
        enter(BURST * MOST - MOST / 2);
        assertFull();
        assertThat(working()).isEqualTo(BURST * MOST);
    }

    @Test
    void refusalsAreCounted() {
        enter(BURST * MOST);
        assertFull();
        assertThat(meters.get("conversations.requests.refused").counter().count())
                .isEqualTo(1);
    }
}
