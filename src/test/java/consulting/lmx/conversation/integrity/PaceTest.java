package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PaceTest {

    private static final int BATCH = 100;
    private static final long AT_EASE = Duration.ofMillis(10).toNanos();

    private final AtomicLong now = new AtomicLong(1);

    private Pace pace(OptionalInt maxRate) {
        return new Pace(maxRate, now::get);
    }

    private void batches(Pace pace, int n, long nanosEach) {
        for (int i = 0; i < n; i++) {
            now.addAndGet(pace.next(BATCH).toNanos() + nanosEach);
            pace.observed(BATCH, nanosEach);
        }
    }

    @Property(tries = 200)
    void rateThatWasAskedForIsNeverExceeded(
            @ForAll @IntRange(min = 1, max = 100_000) int rate, @ForAll @IntRange(min = 1, max = 500) int batches) {
        now.set(1);
        Pace pace = pace(OptionalInt.of(rate));
        long begun = now.get();
        long sent = 0;
        for (int i = 0; i < batches; i++) {
            now.addAndGet(pace.next(BATCH).toNanos());
            double seconds = (now.get() - begun) / 1e9;
            assertThat((double) sent).isLessThanOrEqualTo(rate * seconds + 1);
            sent += BATCH;
        }
    }

    @Test
    void withoutARateNothingWaits() {
        Pace pace = pace(OptionalInt.empty());
        batches(pace, 100, AT_EASE);
        assertThat(pace.next(BATCH)).isZero();
        assertThat(pace.rate()).isInfinite();
    }

    @Test
    void slowAnswersHalveTheRateAndEaseRestoresIt() {
        Pace pace = pace(OptionalInt.empty());
        batches(pace, 300, AT_EASE);
        double before = BATCH / (AT_EASE / 1e9);

        batches(pace, 25, 10 * AT_EASE);
        double slowed = pace.rate();
        assertThat(slowed).isLessThan(before / 2).isPositive();
        batches(pace, 200, 10 * AT_EASE);
        assertThat(pace.rate()).isLessThan(slowed);

        batches(pace, 50_000, AT_EASE);
        assertThat(pace.rate()).isInfinite();
    }

    @Test
    void secondariesThatFallBehindSlowItDown() {
        Pace pace = pace(OptionalInt.of(10_000));
        batches(pace, 300, AT_EASE);
        assertThat(pace.rate()).isEqualTo(10_000);
        pace.lag(Duration.ofSeconds(30));
        assertThat(pace.rate()).isLessThanOrEqualTo(5_000);
        pace.lag(Duration.ZERO);
        batches(pace, 5_000, AT_EASE);
        assertThat(pace.rate()).isEqualTo(10_000);
    }

    @Test
    void itNeverStandsStill() {
        Pace pace = pace(OptionalInt.empty());
        batches(pace, 30, AT_EASE);
        batches(pace, 1_000, 1_000 * AT_EASE);
        assertThat(pace.rate()).isGreaterThanOrEqualTo(50);
    }
}
