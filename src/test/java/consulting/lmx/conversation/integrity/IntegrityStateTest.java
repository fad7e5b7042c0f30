package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import consulting.lmx.conversation.integrity.IntegrityState.Status;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class IntegrityStateTest {

    private enum Move {
        RUNNING,
        VERIFIED,
        FAILED,
        UNCHECKED
    }

    private static final Duration MIN = Duration.ofSeconds(1);
    private static final Duration MAX = Duration.ofSeconds(30);

    private final Clock clock = Clock.fixed(Instant.parse("2025-03-01T00:00:00Z"), ZoneOffset.UTC);

    private IntegrityState state() {
        return new IntegrityState(clock, MIN, MAX);
    }

    @Property
    void opensOnlyWhenVerifiedOrUncheckedAndStaysOpen(@ForAll List<Move> moves) {
        IntegrityState state = state();
        boolean mayBeOpen = false;
        boolean wasOpen = false;
        for (Move move : moves) {
            Status before = state.snapshot().status();
            try {
                switch (move) {
                    case RUNNING -> state.running();
                    case VERIFIED -> state.verified();
                    case FAILED -> state.failed("why");
                    case UNCHECKED -> state.unchecked();
                }
                mayBeOpen |= move == Move.VERIFIED || move == Move.UNCHECKED;
                assertThat(state.snapshot().status().name()).isEqualTo(move.name());
            } catch (IllegalStateException e) {
                assertThat(state.snapshot().status()).isEqualTo(before);
            }
            boolean open = state.snapshot().open();
            assertThat(open).isEqualTo(mayBeOpen);
            assertThat(wasOpen && !open).isFalse();
            wasOpen = open;
        }
    }

    @Test
    void onlyARunningRunCanEnd() {
        IntegrityState state = state();
        assertThatThrownBy(state::verified).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> state.failed("why")).isInstanceOf(IllegalStateException.class);
        state.running();
        assertThatThrownBy(state::running).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(state::unchecked).isInstanceOf(IllegalStateException.class);
    }

    @Property
    void waitDoublesWithEachFailureUpToTheMaximum(@ForAll @IntRange(min = 1, max = 200) int failures) {
        IntegrityState state = state();
        Duration wait = Duration.ZERO;
        for (int i = 0; i < failures; i++) {
            state.running();
            wait = state.failed("the server is away");
        }
        assertThat(wait).isEqualTo(Duration.ofSeconds(Math.min(30, 1L << Math.min(failures - 1, 10))));
        assertThat(state.snapshot().reason()).contains("the server is away");
        assertThat(state.snapshot().retryAt()).contains(clock.instant().plus(wait));
        assertThat(state.snapshot().failures()).isEqualTo(failures);
    }

    @Test
    void successResetsTheFailures() {
        IntegrityState state = state();
        state.running();
        state.failed("why");
        state.running();
        state.verified();
        assertThat(state.snapshot().failures()).isZero();
        assertThat(state.snapshot().reason()).isEmpty();
        assertThat(state.snapshot().open()).isTrue();
    }
}
