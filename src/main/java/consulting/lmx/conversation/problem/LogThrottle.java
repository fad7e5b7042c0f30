package consulting.lmx.conversation.problem;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** Permits one log line in ten seconds: a line for each rejected request would add load. */
public final class LogThrottle {

    private static final long PAUSE = Duration.ofSeconds(10).toNanos();

    private final AtomicLong last = new AtomicLong(System.nanoTime() - PAUSE);

    /** Whether the line may be logged now. */
    public boolean permits() {
        long before = last.get();
        long now = System.nanoTime();
        return now - before >= PAUSE && last.compareAndSet(before, now);
    }
}
