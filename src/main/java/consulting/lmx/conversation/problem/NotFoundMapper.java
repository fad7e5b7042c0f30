package consulting.lmx.conversation.problem;

import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/**
 * Answers a path that is none. The framework takes a parameter that cannot be read for one too, with what was wrong with it as
 * the cause: that is a bad request.
 */
public class NotFoundMapper {

    private final ServiceExceptionMapper mapper = new ServiceExceptionMapper();

    /** Says that nothing is there, or what was wrong with the parameter. */
    @ServerExceptionMapper(value = NotFoundException.class, priority = 1)
    public Response refuse(NotFoundException exception, UriInfo uri) {
        return Problems.response(
                exception.getCause() instanceof ServiceException wrong
                        ? mapper.toProblem(wrong)
                        : Problems.of(ErrorCode.NO_SUCH_PATH).build(),
                exception,
                uri);
    }
}
