package consulting.lmx.conversation.integrity.engine.repair;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class RateLimiterTest {

    private static final int BATCH = 100;

    private final AtomicLong now = new AtomicLong(1);

    private RateLimiter limiter(OptionalInt maxRate) {
        return new RateLimiter(maxRate, now::get);
    }

    @Property(tries = 200)
    void rateIsNeverExceeded(
            @ForAll @IntRange(min = 1, max = 100_000) int rate, @ForAll @IntRange(min = 1, max = 500) int batches) {
        now.set(1);
        RateLimiter limiter = limiter(OptionalInt.of(rate));
        long begun = now.get();
        long sent = 0;
        for (int i = 0; i < batches; i++) {
            now.addAndGet(limiter.next(BATCH).toNanos());
            double seconds = (now.get() - begun) / 1e9;
            assertThat((double) sent).isLessThanOrEqualTo(rate * seconds + 1);
            sent += BATCH;
        }
    }

    @Test
    void nothingWaitsWithoutARate() {
        RateLimiter limiter = limiter(OptionalInt.empty());
        assertThat(limiter.next(1_000_000)).isZero();
        assertThat(limiter.next(BATCH)).isZero();
    }

    @Test
    void batchWaitsForTheTimeOfTheBatchesBeforeIt() {
        RateLimiter limiter = limiter(OptionalInt.of(1_000));
        assertThat(limiter.next(BATCH)).isZero();
        assertThat(limiter.next(BATCH)).isEqualTo(Duration.ofMillis(100));
        assertThat(limiter.next(BATCH)).isEqualTo(Duration.ofMillis(200));
        now.addAndGet(Duration.ofMillis(150).toNanos());
        assertThat(limiter.next(BATCH)).isEqualTo(Duration.ofMillis(150));
        now.addAndGet(Duration.ofSeconds(9).toNanos());
        assertThat(limiter.next(BATCH)).isZero();
    }
}
