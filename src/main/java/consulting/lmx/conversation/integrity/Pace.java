package consulting.lmx.conversation.integrity;

import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.function.LongSupplier;
import org.jboss.logging.Logger;

/**
 * How fast documents may be written. A rate that was asked for is never exceeded. Beside that the server is watched: where
 * its answers take several times as long as at the start, or its secondaries fall behind, the rate is halved, and doubled
 * again once that has passed. It is told the time and what was observed, and tells how long to wait.
 */
final class Pace {

    private static final Logger LOG = Logger.getLogger(Pace.class);

    /** How many batches at the start tell how fast the server is when it is at ease. */
    private static final int FIRST_BATCHES = 20;

    /** How many times slower than at ease counts as lag. */
    private static final double SLOWER = 4;

    /** How far secondaries may be behind. */
    private static final Duration LAG = Duration.ofSeconds(5);

    /** How long a rate is kept before it is changed again. */
    private static final long SETTLE_NANOS = Duration.ofSeconds(2).toNanos();

    private static final double SLOWEST = 50;

    /** How much the newest batch counts in the mean. */
    private static final double NEWEST = 0.2;

    private final double asked;
    private final LongSupplier nanoTime;
    private double rate;
    private long nextFree;
    private double atEase;
    private double recent;
    private int batches;
    private long changedAt;
    private double throughput;
    private long lastObserved;
    private Duration lag = Duration.ZERO;

    Pace(OptionalInt maxRate, LongSupplier nanoTime) {
        this.asked = maxRate.isPresent() ? maxRate.getAsInt() : Double.POSITIVE_INFINITY;
        this.nanoTime = nanoTime;
        this.rate = asked;
        this.nextFree = nanoTime.getAsLong();
        this.lastObserved = nextFree;
        this.changedAt = nextFree;
    }

    /** How long the next batch of {@code documents} has to wait, which is then taken as sent. */
    synchronized Duration next(int documents) {
        if (rate == Double.POSITIVE_INFINITY) {
            return Duration.ZERO;
        }
        long now = nanoTime.getAsLong();
        long start = Math.max(now, nextFree);
        nextFree = start + (long) (documents / rate * 1e9);
        return Duration.ofNanos(start - now);
    }

    /** Done when the next batch of {@code documents} may be sent. */
    Uni<Void> permit(int documents) {
        return Uni.createFrom().deferred(() -> {
            Duration wait = next(documents);
            Uni<Void> now = Uni.createFrom().voidItem();
            return wait.isZero() ? now : now.onItem().delayIt().by(wait);
        });
    }

    /** A batch of {@code documents} was acknowledged after {@code nanos}. */
    synchronized void observed(int documents, long nanos) {
        double each = (double) nanos / documents;
        long now = nanoTime.getAsLong();
        double instant = documents / Math.max(1e-9, (now - lastObserved) / 1e9);
        throughput = batches == 0 ? instant : throughput + NEWEST * (instant - throughput);
        lastObserved = now;
        batches++;
        if (batches <= FIRST_BATCHES) {
            atEase += (each - atEase) / batches;
            recent = atEase;
        } else {
            recent += NEWEST * (each - recent);
        }
        adapt(now);
    }

    /** The secondaries were found {@code behind} the primary. */
    synchronized void lag(Duration behind) {
        lag = behind;
        adapt(nanoTime.getAsLong());
    }

    private void adapt(long now) {
        if (batches <= FIRST_BATCHES || now - changedAt < SETTLE_NANOS) {
            return;
        }
        boolean behind = lag.compareTo(LAG) > 0;
        if (behind || recent > SLOWER * atEase) {
            change(
                    Math.max(SLOWEST, Math.min(rate, throughput) / 2),
                    now,
                    behind ? "secondaries " + lag + " behind" : "slow answers");
        } else if (rate < asked && recent < SLOWER / 2 * atEase) {
            double faster = rate * 2;
            change(
                    faster > 64 * Math.max(SLOWEST, throughput) ? asked : Math.min(asked, faster),
                    now,
                    "the server is at ease");
        }
    }

    private void change(double to, long now, String why) {
        if (to != rate) {
            LOG.infof("event=pace from=%.0f to=%.0f documents a second, because of %s", rate, to, why);
            rate = to;
            changedAt = now;
            nextFree = Math.max(nextFree, now);
        }
    }

    /** Documents a second that are allowed now; infinite where nothing bounds them. */
    synchronized double rate() {
        return rate;
    }
}
