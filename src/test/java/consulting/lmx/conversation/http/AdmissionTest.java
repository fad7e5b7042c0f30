package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class AdmissionTest {

    private static final int MOST = 10;

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
            meters);

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

    /** Until a burst would be over that began at the last calm moment. */
    private void awaitEndOfBurst() {
        enter(MOST - (int) working());
        await().until(() -> {
            try {
                admission.enter();
                admission.leave();
                return false;
            } catch (ServiceException full) {
                return true;
            }
        });
    }

    @Test
    void standingLoadHasRoomForTheLimitAndNoMore() {
        awaitEndOfBurst();
        assertFull();
        assertThat(working()).isEqualTo(MOST);
        leave(1);
        enter(1);
        assertFull();
    }

    @Test
    void placeThatIsGivenBackUnderAStandingLoadIsNoBurst() {
        awaitEndOfBurst();
        leave(MOST / 2 - 1);
        enter(MOST / 2 - 1);
        assertFull();
    }

    @Test
    void refusalsAreCounted() {
        awaitEndOfBurst();
        double before = meters.get("conversations.requests.refused").counter().count();
        assertFull();
        assertThat(meters.get("conversations.requests.refused").counter().count())
                .isEqualTo(before + 1);
    }

    @Test
    void roomComesBackWithCalm() {
        awaitEndOfBurst();
        leave(MOST);
        assertThat(working()).isZero();
        enter(MOST);
    }
}
