package consulting.lmx.conversation.http;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.Problems;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jboss.logging.Logger;

/**
 * How many calls are worked on, and whether there is room for one more. A call has its place from when its body is read until
 * its answer is made, so that a caller who sends slowly or listens takes none. While there is no room, what comes is turned
 * away before its token or its body is looked at.
 *
 * <p>Several times as many have room where it is a burst: for a second, after a time in which half of the room was to spare. A
 * queue that is empty again in a moment costs little, and one that stands makes all wait and serves nobody (the idea of
 * controlled delay, CoDel). One free moment does not make a standing load a burst: calls end and come in heaps.
 */
@ApplicationScoped
public class Admission {

    private static final Logger LOG = Logger.getLogger(Admission.class);

    /** After CORS (300), so that a browser may read the refusal, after the gate (250), and before the body is read (240). */
    private static final int PRIORITY = 245;

    private static final String LIMITED = "/api/";
    private static final String UNLIMITED = "/api/admin/";
    private static final String DETAIL = "The service is busy. Try again a little later.";
    private static final int BURST = 8;
    private static final long BURST_LASTS = Duration.ofSeconds(1).toNanos();
    private static final long CALM = Duration.ofMillis(100).toNanos();
    private static final Duration SAID_EACH = Duration.ofSeconds(10);

    private final int most;
    private final LongSupplier nanoTime;
    private final AtomicInteger working = new AtomicInteger();
    private final AtomicLong saidAt;
    private final Counter refused;

    /** Since when half of the room is to spare, where it is. */
    private volatile long calmSince;

    private volatile long burstFrom;

    @Inject
    Admission(RequestConfig config, MeterRegistry meters) {
        this(config, meters, System::nanoTime);
    }

    Admission(RequestConfig config, MeterRegistry meters, LongSupplier nanoTime) {
        this.most = config.maxConcurrent();
        this.nanoTime = nanoTime;
        long now = nanoTime.getAsLong();
        this.calmSince = now - CALM;
        this.burstFrom = now - BURST_LASTS;
        this.saidAt = new AtomicLong(now - SAID_EACH.toNanos());
        meters.gauge("conversations.requests.working", working);
        this.refused = Counter.builder("conversations.requests.refused")
                .description("Calls that were turned away since as many as may be were worked on")
                .register(meters);
    }

    void register(@Observes Filters filters) {
        filters.register(this::turnAway, PRIORITY);
    }

    private void turnAway(RoutingContext request) {
        if (hasRoomFor(working.get() + 1) || !isLimited(request.normalizedPath())) {
            request.next();
            return;
        }
        noteRefusal();
        request.response().putHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER);
        Problems.send(
                request,
                ErrorCode.OVERLOADED,
                DETAIL,
                new JsonObject().put("errorId", UUID.randomUUID().toString()));
    }

    private static boolean isLimited(String path) {
        return path.startsWith(LIMITED) && !path.startsWith(UNLIMITED);
    }

    /** Takes a place, to be given back by {@link #leave()}; fails with {@link ErrorCode#OVERLOADED} where there is none. */
    void enter() {
        int calls = working.incrementAndGet();
        if (calls == most / 2 + 1) {
            beginBurstAfterCalm();
        }
        if (!hasRoomFor(calls)) {
            leave();
            noteRefusal();
            throw new ServiceException(ErrorCode.OVERLOADED, DETAIL);
        }
    }

    void leave() {
        if (working.decrementAndGet() == most / 2) {
            calmSince = nanoTime.getAsLong();
        }
    }

    private void beginBurstAfterCalm() {
        long now = nanoTime.getAsLong();
        if (now - calmSince >= CALM) {
            burstFrom = now;
        }
    }

    private boolean hasRoomFor(int calls) {
        return calls <= most || calls <= BURST * most && nanoTime.getAsLong() - burstFrom < BURST_LASTS;
    }

    /** In the log once in a while: a line for each would be one more load. */
    private void noteRefusal() {
        refused.increment();
        long last = saidAt.get();
        long now = nanoTime.getAsLong();
        if (now - last >= SAID_EACH.toNanos() && saidAt.compareAndSet(last, now)) {
            LOG.warnf(
                    "event=overloaded max-concurrent=%d refused=%.0f: calls are turned away with 503; start more replicas, or"
                            + " raise conversations.request.max-concurrent where the processor is idle",
                    most, refused.count());
        }
    }
}
