package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.LogThrottle;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.jboss.logging.Logger;

/**
 * Limits how many calls are worked on at once. A call has a place from when its body is read until its answer is made, so
 * that callers who send slowly or listen take none. While there is no place, requests are rejected before their token and
 * their body are read.
 *
 * <p>A caller may take three times as many places as stay free: three quarters if they are alone, and a quarter at most if
 * four or more compete. However many do, the next one finds a place.
 */
@ApplicationScoped
public class Admission {

    private static final Logger LOG = Logger.getLogger(Admission.class);

    /** After CORS (300), so that a browser may read the refusal, after the gate (250), and before the body is read (240). */
    private static final int PRIORITY = 245;

    private static final String LIMITED = "/api/";
    private static final String UNLIMITED = "/api/admin/";
    private static final int TIMES_WHAT_IS_FREE = 3;
    private static final String DETAIL = "The service is busy. Try again a little later.";

    private final int places;
    private final Map<String, Integer> takenByCaller = new HashMap<>();
    private final LogThrottle throttle = new LogThrottle();
    private final Counter rejected;
    private volatile int taken;

    Admission(RequestConfig config, MeterRegistry meters) {
        this.places = config.maxConcurrent();
        Gauge.builder("conversations.requests.working", () -> taken).register(meters);
        this.rejected = Counter.builder("conversations.requests.refused")
                .description("Calls that were rejected because as many as allowed were worked on")
                .register(meters);
    }

    void register(@Observes Filters filters) {
        filters.register(this::rejectIfFull, PRIORITY);
    }

    private void rejectIfFull(RoutingContext request) {
        if (taken < places || !isLimited(request.normalizedPath())) {
            request.next();
            return;
        }
        noteRejection();
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

    /**
     * Takes a place, to be given back by {@link #leave}.
     *
     * @throws ServiceException with {@link ErrorCode#OVERLOADED} if there is none for this caller
     */
    void enter(String caller) {
        if (!takePlace(caller)) {
            noteRejection();
            throw new ServiceException(ErrorCode.OVERLOADED, DETAIL);
        }
    }

    private synchronized boolean takePlace(String caller) {
        int own = takenByCaller.getOrDefault(caller, 0);
        if (own >= TIMES_WHAT_IS_FREE * (places - taken)) {
            return false;
        }
        takenByCaller.put(caller, own + 1);
        taken++;
        return true;
    }

    synchronized void leave(String caller) {
        takenByCaller.computeIfPresent(caller, (id, own) -> own == 1 ? null : own - 1);
        taken--;
    }

    private void noteRejection() {
        rejected.increment();
        if (throttle.permits()) {
            LOG.warnf(
                    "event=overloaded max-concurrent=%d refused=%.0f: calls are rejected with 503; start more replicas, or"
                            + " raise conversations.request.max-concurrent if the processor is idle",
                    places, rejected.count());
        }
    }
}
