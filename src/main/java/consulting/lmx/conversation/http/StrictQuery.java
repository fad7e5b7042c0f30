package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import jakarta.ws.rs.container.ContainerRequestContext;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;

/** Rejects repeated and empty query parameters: the framework would take the first one that is not empty. */
public class StrictQuery {

    /**
     * Checks every parameter of the query.
     *
     * @throws ServiceException with {@link ErrorCode#INVALID_REQUEST} and the name of the parameter
     */
    @ServerRequestFilter
    public void check(ContainerRequestContext request) {
        request.getUriInfo().getQueryParameters().forEach((name, values) -> {
            if (values.size() > 1) {
                throw ServiceException.invalid(name, "must not be repeated");
            }
            if (values.get(0).isEmpty()) {
                throw ServiceException.invalid(name, "must not be empty");
            }
        });
    }
}
