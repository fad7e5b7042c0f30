package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.http.FilterOrder;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.LogThrottle;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.text.Text;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import org.jboss.logging.Logger;

/**
 * Answers every {@code /api/} route with 503 until the service is open, before reading the body, the token or the database.
 * Only the report of the check is available.
 */
@ApplicationScoped
public class IntegrityGate {

    private static final Logger LOG = Logger.getLogger(IntegrityGate.class);

    private static final String GUARDED = "/api";

    private final IntegrityService service;
    private final LogThrottle throttle = new LogThrottle();

    IntegrityGate(IntegrityService service) {
        this.service = service;
    }

    void register(@Observes Filters filters) {
        filters.register(this::check, FilterOrder.INTEGRITY_GATE);
    }

    private void check(RoutingContext request) {
        IntegrityState.Snapshot now = service.state().snapshot();
        if (now.open() || !isGuarded(request)) {
            request.next();
            return;
        }
        if (throttle.permits()) {
            LOG.infof(
                    "event=gate-closed path=%s state=%s: the service answers 503 until the check has ended",
                    Text.quoted(request.normalizedPath()), now.status());
        }
        request.response().putHeader(HttpHeaders.RETRY_AFTER, String.valueOf(retryAfter(now)));
        Problems.send(
                request,
                ErrorCode.NOT_READY,
                "The service is checking the stored conversations (" + now.status() + "). Try again later.");
    }

    private static boolean isGuarded(RoutingContext request) {
        String path = request.normalizedPath();
        boolean api = path.equals(GUARDED) || path.startsWith(GUARDED + "/");
        boolean report = request.request().method() == HttpMethod.GET
                && (path.equals(IntegrityResource.PATH) || path.equals(IntegrityResource.PATH + "/events"));
        return api && !report;
    }

    /** The seconds until the next run, if one is scheduled; otherwise 1. */
    private static long retryAfter(IntegrityState.Snapshot now) {
        return now.retryAt()
                .map(at -> Math.max(1, Duration.between(Instant.now(), at).toSeconds() + 1))
                .orElse(1L);
    }
}
