package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

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

    @Test
    void eachBatchWaitsUntilThoseBeforeItAreThroughAtTheRate() {
        Pace pace = pace(OptionalInt.of(1_000));
        assertThat(pace.next(BATCH)).isZero();
        assertThat(pace.next(BATCH)).isEqualTo(Duration.ofMillis(100));
        assertThat(pace.next(BATCH)).isEqualTo(Duration.ofMillis(200));
        now.addAndGet(Duration.ofMillis(150).toNanos());
        assertThat(pace.next(BATCH)).isEqualTo(Duration.ofMillis(150));
        now.addAndGet(Duration.ofSeconds(9).toNanos());
        assertThat(pace.next(BATCH)).isZero();
    }

    @Test
    void rateIsHalvedOrDoubledOnceInTwoSeconds() {
        Pace pace = pace(OptionalInt.of(10_000));
        batches(pace, 300, AT_EASE);
        pace.lag(Duration.ofSeconds(5));
        assertThat(pace.rate()).isEqualTo(10_000);
        Duration behind = Duration.ofMillis(5_001);
        pace.lag(behind);
        assertThat(pace.rate()).isCloseTo(5_000, within(1.0));
        now.addAndGet(Duration.ofSeconds(2).toNanos() - 1);
        pace.lag(behind);
        assertThat(pace.rate()).isCloseTo(5_000, within(1.0));
        now.incrementAndGet();
        pace.lag(behind);
        assertThat(pace.rate()).isCloseTo(2_500, within(1.0));
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        pace.lag(Duration.ZERO);
        assertThat(pace.rate()).isCloseTo(5_000, within(1.0));
        now.addAndGet(Duration.ofSeconds(2).toNanos() - 1);
        pace.lag(Duration.ZERO);
        assertThat(pace.rate()).isCloseTo(5_000, within(1.0));
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        pace.lag(Duration.ZERO);
        assertThat(pace.rate()).isEqualTo(10_000);
    }

    @Test
    void whereNoneWasAskedForTheRateIsLiftedOnceItBoundsNothing() {
        Pace pace = pace(OptionalInt.empty());
        batches(pace, 300, AT_EASE);
        pace.lag(Duration.ofSeconds(30));
        assertThat(pace.rate()).isCloseTo(5_000, within(1.0));
        assertThat(pace.next(1_000_000)).isZero();
        assertThat(pace.next(BATCH)).isBetween(Duration.ofSeconds(199), Duration.ofSeconds(201));
        for (int doubled = 1; doubled <= 7; doubled++) {
            now.addAndGet(Duration.ofSeconds(2).toNanos());
            pace.lag(Duration.ZERO);
            assertThat(pace.rate()).isCloseTo(5_000 << doubled, within(200.0));
        }
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        pace.lag(Duration.ZERO);
        assertThat(pace.rate()).isInfinite();
        assertThat(pace.next(BATCH)).isZero();
    }

    @Test
    void nothingIsConcludedBeforeItIsKnownHowFastTheServerIsAtEase() {
        Pace pace = pace(OptionalInt.empty());
        now.addAndGet(Duration.ofSeconds(10).toNanos());
        batches(pace, 20, AT_EASE);
        pace.lag(Duration.ofSeconds(30));
        assertThat(pace.rate()).isInfinite();
        batches(pace, 1, AT_EASE);
        assertThat(pace.rate()).isFinite();
    }

    @Test
    void answersAreSlowWhereTheirMeanIsFourTimesThatAtEase() {
        Pace pace = pace(OptionalInt.empty());
        batches(pace, 20, AT_EASE);
        now.addAndGet(Duration.ofSeconds(10).toNanos());
        batches(pace, 1, 10 * AT_EASE); // a mean of 2.8 times
        assertThat(pace.rate()).isInfinite();
        batches(pace, 1, 10 * AT_EASE); // of 4.24
        assertThat(pace.rate()).isFinite();
        double slowed = pace.rate();
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        batches(pace, 3, AT_EASE); // down to 2.66, which is neither slow nor at ease
        assertThat(pace.rate()).isEqualTo(slowed);
        now.addAndGet(Duration.ofSeconds(2).toNanos());
        batches(pace, 2, AT_EASE); // to 2.06
        assertThat(pace.rate()).isEqualTo(slowed);
        batches(pace, 1, AT_EASE); // to 1.85
        assertThat(pace.rate()).isEqualTo(2 * slowed);
    }
}
