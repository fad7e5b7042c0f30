package consulting.lmx.conversation.error;

import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Answers a path that leads nowhere, and a parameter that {@link QueryNumbers} refused, which JAX-RS takes for the same. */
public class NotFoundMapper {

    @ServerExceptionMapper(priority = 1)
    public Response refuse(NotFoundException exception, UriInfo uri) {
        HttpProblem problem = exception.getCause() instanceof ServiceException refusal
                ? ServiceExceptionMapper.problem(refusal)
                : HttpProblem.builder()
                        .withStatus(Response.Status.NOT_FOUND)
                        .withTitle(Response.Status.NOT_FOUND.getReasonPhrase())
                        .withDetail("There is nothing at this path.")
                        .build();
        return Problems.response(problem, exception, uri);
    }
}
