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
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.HashMap;
import java.util.Map;
import org.jboss.logging.Logger;

/**
 * Load shedding: limits how many calls run at once. A call holds a place from when its body is read until its response is
 * made, so a client that sends or reads slowly holds none. While no place is free, requests are rejected before their token
 * and body are read.
 *
 * <p>A caller may hold three times as many places as are free: three quarters if they are alone, and at most a quarter if
 * four or more compete. So the next caller always finds a place.
 */
@ApplicationScoped
public class Admission {

    private static final Logger LOG = Logger.getLogger(Admission.class);

    private static final String LIMITED = "/api/";
    private static final String UNLIMITED = "/api/admin/";
    private static final int MAX_PER_FREE_PLACE = 3;
    static final String DETAIL = "The service is overloaded. Try again later.";

    private final int places;
    private final Map<String, Integer> takenByCaller = new HashMap<>();
    private final LogThrottle throttle = new LogThrottle();
    private final Counter rejected;
    private volatile int taken;

    Admission(RequestConfig config, MeterRegistry meters) {
        this.places = config.maxConcurrent();
        Gauge.builder("conversations.requests.active", () -> taken)
                .description("Calls that run now")
                .register(meters);
        this.rejected = Counter.builder("conversations.requests.rejected")
                .description("Calls that were rejected because conversations.request.max-concurrent calls ran")
                .register(meters);
    }

    void register(@Observes Filters filters) {
        filters.register(this::rejectIfFull, FilterOrder.ADMISSION);
    }

    private void rejectIfFull(RoutingContext request) {
        if (taken < places || !isLimited(request.normalizedPath())) {
            request.next();
            return;
        }
        countRejection();
        Problems.send(request, ErrorCode.OVERLOADED, DETAIL);
    }

    private static boolean isLimited(String path) {
        return path.startsWith(LIMITED) && !path.startsWith(UNLIMITED);
    }

    /**
     * Takes a place. The caller of this method gives it back with {@link #leave}.
     *
     * @throws ServiceException with {@link ErrorCode#OVERLOADED} if no place is free for {@code caller}
     */
    void enter(String caller) {
        if (!takePlace(caller)) {
            countRejection();
            throw new ServiceException(ErrorCode.OVERLOADED, DETAIL);
        }
    }

    private synchronized boolean takePlace(String caller) {
        int own = takenByCaller.getOrDefault(caller, 0);
        if (own >= MAX_PER_FREE_PLACE * (places - taken)) {
            return false;
        }
        takenByCaller.put(caller, own + 1);
        taken++;
        return true;
    }

    /** Gives back a place of {@code caller}. */
    synchronized void leave(String caller) {
        takenByCaller.computeIfPresent(caller, (id, own) -> own == 1 ? null : own - 1);
        taken--;
    }

    private void countRejection() {
        rejected.increment();
        if (throttle.permits()) {
            LOG.warnf(
                    "event=overloaded max-concurrent=%d rejected=%.0f: calls are rejected with 503. Start more replicas, or"
                            + " raise conversations.request.max-concurrent if the processor is idle.",
                    places, rejected.count());
        }
    }
}
