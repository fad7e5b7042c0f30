package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

/** Counts the large replies that need no token, metrics and API description, against the {@link MemoryBudget}. */
@ApplicationScoped
public class PublicReplies {

    private static final String PUBLIC = "/q/";
    private static final String PROBES = "/q/health";

    /** All callers together. No token has this subject, since a subject is not blank. */
    private static final String ANONYMOUS = "";

    /** The heap that one reply takes. */
    private static final long BYTES = 256 * 1024;

    private final MemoryBudget budget;

    PublicReplies(MemoryBudget budget) {
        this.budget = budget;
    }

    void register(@Observes Filters filters) {
        filters.register(this::reserve, FilterOrder.PUBLIC_REPLIES);
    }

    private void reserve(RoutingContext request) {
        String path = request.normalizedPath();
        if (!path.startsWith(PUBLIC) || path.startsWith(PROBES)) {
            request.next();
            return;
        }
        HeldMemory memory = new HeldMemory(budget, ANONYMOUS);
        Connection.whenAnswered(request, memory::close);
        memory.reserve(BYTES)
                .subscribe()
                .with(
                        reserved -> request.next(),
                        overloaded -> Problems.send(request, ErrorCode.OVERLOADED, overloaded.getMessage()));
    }
}
