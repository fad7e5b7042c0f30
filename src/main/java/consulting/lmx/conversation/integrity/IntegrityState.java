package consulting.lmx.conversation.integrity;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What is known of the invariant, and whether requests are served. Pure: it decides, and starts nothing. Once open it stays
 * open for the life of the process, whatever a later run finds.
 */
public final class IntegrityState {

    /** Where the check of the invariant stands. */
    public enum Status {
        PENDING,
        RUNNING,
        VERIFIED,
        FAILED,
        /** Mode {@code off}: nothing was checked. */
        UNCHECKED
    }

    /**
     * The state at one moment.
     *
     * @param reason why the last run failed, until one has not
     * @param failures how many runs have failed since the last one that did not
     * @param retryAt when the next run begins, where it failed
     */
    public record Snapshot(
            Status status,
            boolean open,
            Instant since,
            Optional<String> reason,
            int failures,
            Optional<Instant> retryAt) {}

    private final Clock clock;
    private final Duration retryMin;
    private final Duration retryMax;
    private Snapshot now;

    public IntegrityState(Clock clock, Duration retryMin, Duration retryMax) {
        this.clock = clock;
        this.retryMin = retryMin;
        this.retryMax = retryMax;
        this.now = new Snapshot(Status.PENDING, false, clock.instant(), Optional.empty(), 0, Optional.empty());
    }

    public synchronized Snapshot snapshot() {
        return now;
    }

    /** A run begins. */
    public synchronized void running() {
        if (now.status() == Status.RUNNING) {
            throw new IllegalStateException("A run is under way already");
        }
        move(Status.RUNNING, now.open(), now.reason(), now.failures(), Optional.empty());
    }

    /** The run under way has found that the invariant holds: requests are served from now on. */
    public synchronized void verified() {
        requireRunning();
        move(Status.VERIFIED, true, Optional.empty(), 0, Optional.empty());
    }

    /**
     * The run under way has failed.
     *
     * @return how long the next one waits: the shortest time at first, then twice as long each time, up to the longest
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

    /** Nothing is checked, and requests are served at once. */
    public synchronized void unchecked() {
        if (now.status() != Status.PENDING) {
            throw new IllegalStateException("A check was begun already");
        }
        move(Status.UNCHECKED, true, Optional.empty(), 0, Optional.empty());
    }

    private void requireRunning() {
        if (now.status() != Status.RUNNING) {
            throw new IllegalStateException("No run is under way");
        }
    }

    private Duration backOff(int failures) {
        Duration wait = retryMin;
        for (int i = 1; i < failures && wait.compareTo(retryMax) < 0; i++) {
            wait = wait.multipliedBy(2);
        }
        return wait.compareTo(retryMax) < 0 ? wait : retryMax;
    }

    private void move(Status status, boolean open, Optional<String> reason, int failures, Optional<Instant> retryAt) {
        now = new Snapshot(status, open, clock.instant(), reason, failures, retryAt);
    }
}
