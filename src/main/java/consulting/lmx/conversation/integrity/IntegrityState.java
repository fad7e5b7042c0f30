package consulting.lmx.conversation.integrity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * The state machine of the check, which decides whether the service is open and when to retry. It starts nothing itself. Once
 * open, the service stays open for the life of the process, whatever a later run finds.
 */
public final class IntegrityState {

    /** The state of the check. */
    public enum Status {
        PENDING,
        RUNNING,
        VERIFIED,
        FAILED,
        /** In the mode {@code off} there is no check. */
        UNCHECKED
    }

    /**
     * The state at one moment.
     *
     * @param reason why the last run failed; empty after a success
     * @param failures the number of failed runs since the last success
     * @param retryAt when the next run begins after a failure
     */
    public record Snapshot(
            Status status,
            boolean open,
            Instant since,
            Optional<String> reason,
            int failures,
            Optional<Instant> retryAt) {}

    private final Clock clock;
    private final Duration firstRetry;
    private final Duration maxRetry;
    private Snapshot now;

    /**
     * Creates the state machine in the state {@code PENDING}.
     *
     * @param firstRetry the wait after the first failure, which doubles with each further one
     * @param maxRetry the longest wait
     */
    public IntegrityState(Clock clock, Duration firstRetry, Duration maxRetry) {
        this.clock = clock;
        this.firstRetry = firstRetry;
        this.maxRetry = maxRetry;
        this.now = new Snapshot(Status.PENDING, false, clock.instant(), Optional.empty(), 0, Optional.empty());
    }

    public synchronized Snapshot snapshot() {
        return now;
    }

    /** A run begins. */
    public synchronized void running() {
        if (now.status() == Status.RUNNING) {
            throw new IllegalStateException("A run is already running");
        }
        move(Status.RUNNING, now.open(), now.reason(), now.failures(), Optional.empty());
    }

    /** The current run found that the invariant holds, which opens the service. */
    public synchronized void verified() {
        requireRunning();
        move(Status.VERIFIED, true, Optional.empty(), 0, Optional.empty());
    }

    /**
     * The current run failed.
     *
     * @return how long to wait before the next run
     */
    public synchronized Duration failed(String reason) {
        requireRunning();
        int failures = now.failures() + 1;
        Duration wait = backOff(failures);
        move(
                Status.FAILED,
                now.open(),
                Optional.of(reason),
                failures,
                Optional.of(clock.instant().plus(wait)));
        return wait;
    }

    /** The service opens without a check. */
    public synchronized void unchecked() {
        if (now.status() != Status.PENDING) {
            throw new IllegalStateException("A check has already begun");
        }
        move(Status.UNCHECKED, true, Optional.empty(), 0, Optional.empty());
    }

    private void requireRunning() {
        if (now.status() != Status.RUNNING) {
            throw new IllegalStateException("No run is running");
        }
    }

    private Duration backOff(int failures) {
        Duration wait = firstRetry;
        for (int i = 1; i < failures && wait.compareTo(maxRetry) < 0; i++) {
            wait = wait.multipliedBy(2);
        }
        return wait.compareTo(maxRetry) < 0 ? wait : maxRetry;
    }

    private void move(Status status, boolean open, Optional<String> reason, int failures, Optional<Instant> retryAt) {
        now = new Snapshot(status, open, clock.instant(), reason, failures, retryAt);
    }
}
