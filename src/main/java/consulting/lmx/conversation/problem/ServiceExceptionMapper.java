package consulting.lmx.conversation.problem;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.UnauthorizedException;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.List;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Answers a {@link ServiceException} by its code, and the framework's exceptions for unknown paths and missing tokens. */
public class ServiceExceptionMapper {

    @ServerExceptionMapper
    public Response toResponse(ServiceException exception, UriInfo uri) {
        return Problems.response(problem(exception), exception, uri);
    }

    private static HttpProblem problem(ServiceException exception) {
        HttpProblem.Builder problem = Problems.of(exception.code()).withDetail(exception.getMessage());
        if (exception.code().status() == 503) {
            problem.withHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER);
        }
        if (exception.code() == ErrorCode.REQUEST_TIMEOUT) {
            problem.withHeader("Connection", "close");
        }
        exception.violation().ifPresent(violation -> problem.with("violations", List.of(violation)));
        return problem.build();
    }

    /** A parameter that cannot be converted arrives here too, with the {@link ServiceException} as its cause: it is a 400. */
    @ServerExceptionMapper(priority = 1)
    public Response toResponse(NotFoundException exception, UriInfo uri) {
        return Problems.response(
                exception.getCause() instanceof ServiceException invalid
                        ? problem(invalid)
                        : Problems.of(ErrorCode.NO_SUCH_PATH).build(),
                exception,
                uri);
    }

    /** Does not say what is wrong with the token. The library's own mapper does not link on this version of Quarkus. */
    @ServerExceptionMapper(
            value = {AuthenticationFailedException.class, UnauthorizedException.class},
            priority = Priorities.USER - 2)
    public Response unauthorized(SecurityException exception, UriInfo uri) {
        return Problems.response(
                Problems.of(ErrorCode.UNAUTHORIZED)
                        .withDetail("A valid token is required: send it as a bearer or in the cookie.")
                        .withHeader(HttpHeaders.WWW_AUTHENTICATE, "Bearer")
                        .build(),
                exception,
                uri);
    }
}
