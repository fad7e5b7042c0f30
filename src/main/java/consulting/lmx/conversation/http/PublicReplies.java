package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.MemoryBudget.Reservation;
import consulting.lmx.conversation.http.connection.Answers;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.UUID;

/** Counts the large replies that anybody may ask for, metrics and API description, against the {@link MemoryBudget}. */
@ApplicationScoped
public class PublicReplies {

    /** Beside the checks of the target, and before the reply is made. */
    private static final int PRIORITY = 245;

    private static final String PUBLIC = "/q/";
    private static final String PROBES = "/q/health";

    /** Is no caller's id, since a subject is not blank. */
    private static final String ANYBODY = "";

    /** What one reply takes while it is made. */
    private static final long BYTES = 256 * 1024;

    private final MemoryBudget budget;

    PublicReplies(MemoryBudget budget) {
        this.budget = budget;
    }

    void register(@Observes Filters filters) {
        filters.register(this::reserve, PRIORITY);
    }

    private void reserve(RoutingContext request) {
        String path = request.normalizedPath();
        if (!path.startsWith(PUBLIC) || path.startsWith(PROBES)) {
            request.next();
        } else {
            budget.reserve(ANYBODY, BYTES)
                    .subscribe()
                    .with(reservation -> answer(request, reservation), overloaded -> reject(request, overloaded));
        }
    }

    private static void answer(RoutingContext request, Reservation reservation) {
        Answers.whenSent(request, reservation::close);
        request.next();
    }

    private static void reject(RoutingContext request, Throwable overloaded) {
        request.response().putHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER);
        Problems.send(
                request,
                ErrorCode.OVERLOADED,
                overloaded.getMessage(),
                new JsonObject().put("errorId", UUID.randomUUID().toString()));
    }
}
