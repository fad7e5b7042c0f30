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
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * How many calls are worked on, and whether there is room for one more. A call has its place from when its body is read until
 * its answer is made, so that a caller who sends slowly or listens takes none. While there is no room, what comes is turned
 * away before its token or its body is looked at.
 *
 * <p>Several times as many have room where it is a burst: for a second after there was room to spare. A queue that is empty
 * again in a moment costs little, and one that stands makes all wait and serves nobody (the idea of controlled delay, CoDel).
 */
@ApplicationScoped
public class Admission {

    private static final Logger LOG = Logger.getLogger(Admission.class);

    /** After CORS (300), so that a browser may read the refusal, after the gate (250), and before the body is read (240). */
    private static final int PRIORITY = 245;

    private static final String LIMITED = "/api/";
    private static final String UNLIMITED = "/api/admin/";
    private static final String DETAIL = "The service is busy. Try again a little later.";
    private static final int BURST = 4;
    private static final Duration BURST_LASTS = Duration.ofSeconds(1);
    private static final Duration SAID_EACH = Duration.ofSeconds(10);

    private final int most;
    private final AtomicInteger working = new AtomicInteger();
    private volatile long calmAt = System.nanoTime();
    private final AtomicLong saidAt = new AtomicLong(System.nanoTime() - SAID_EACH.toNanos());
    private final Counter refused;

    Admission(RequestConfig config, MeterRegistry meters) {
        this.most = config.maxConcurrent();
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
        noteCalm(calls);
        if (!hasRoomFor(calls)) {
            leave();
            noteRefusal();
            throw new ServiceException(ErrorCode.OVERLOADED, DETAIL);
        }
    }

    void leave() {
        noteCalm(working.decrementAndGet());
    }

    private boolean hasRoomFor(int calls) {
        return calls <= most || calls <= BURST * most && System.nanoTime() - calmAt < BURST_LASTS.toNanos();
    }

    /** Half of the room is to spare: with less of it the end of one burst would be the beginning of the next. */
    private void noteCalm(int calls) {
        if (calls <= most / 2) {
            calmAt = System.nanoTime();
        }
    }

    /** In the log once in a while: a line for each would be one more load. */
    private void noteRefusal() {
        refused.increment();
        long last = saidAt.get();
        long now = System.nanoTime();
        if (now - last >= SAID_EACH.toNanos() && saidAt.compareAndSet(last, now)) {
            LOG.warnf(
                    "event=overloaded max-concurrent=%d refused=%.0f: calls are turned away with 503; start more replicas, or"
                            + " raise conversations.request.max-concurrent where the processor is idle",
                    most, refused.count());
        }
    }
}
