package consulting.lmx.conversation.integrity.engine.repair;

import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.function.LongSupplier;

/** Limits how many documents are written per second. */
public final class RateLimiter {

    private final OptionalInt maxRate;
    private final LongSupplier nanoTime;
    private long nextFree;

    /**
     * Creates a limiter.
     *
     * @param maxRate documents a second; empty for no limit
     * @param nanoTime the time in nanoseconds, from any origin
     */
    public RateLimiter(OptionalInt maxRate, LongSupplier nanoTime) {
        this.maxRate = maxRate;
        this.nanoTime = nanoTime;
        this.nextFree = nanoTime.getAsLong();
    }

    /** Reserves time for a batch of {@code documents}, and returns how long the batch has to wait. */
    synchronized Duration next(int documents) {
        if (maxRate.isEmpty()) {
            return Duration.ZERO;
        }
        long now = nanoTime.getAsLong();
        long start = Math.max(now, nextFree);
        nextFree = start + (long) (documents / (double) maxRate.getAsInt() * 1e9);
        return Duration.ofNanos(start - now);
    }

    /** Completes when a batch of {@code documents} may be sent. */
    Uni<Void> permit(int documents) {
        return Uni.createFrom().deferred(() -> {
            Duration wait = next(documents);
            Uni<Void> now = Uni.createFrom().voidItem();
            return wait.isZero() ? now : now.onItem().delayIt().by(wait);
        });
    }
}
