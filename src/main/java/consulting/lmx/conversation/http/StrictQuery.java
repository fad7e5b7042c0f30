package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ServiceException;
import jakarta.ws.rs.container.ContainerRequestContext;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;

/**
 * Takes a query at its word, as {@link StrictJson} does a body: a parameter stands once, and has a value where it stands. The
 * framework would take the first that is not empty.
 */
public class StrictQuery {

    /** Refuses a query in which that is not so. */
    @ServerRequestFilter
    public void check(ContainerRequestContext request) {
        request.getUriInfo().getQueryParameters().forEach((name, values) -> {
            if (values.size() > 1) {
                throw ServiceException.invalid(name, "must stand once");
            }
            if (values.get(0).isEmpty()) {
                throw ServiceException.invalid(name, "must not be empty");
            }
        });
    }
}
