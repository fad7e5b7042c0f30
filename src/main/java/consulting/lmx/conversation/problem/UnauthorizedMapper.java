package consulting.lmx.conversation.problem;

import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.UnauthorizedException;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Answers a call without a token, or with one that is none. The library's own mapper does not link on this Quarkus. */
public class UnauthorizedMapper {

    /** Says that a token is needed, and nothing of what was wrong with the one that came. */
    @ServerExceptionMapper(
            value = {AuthenticationFailedException.class, UnauthorizedException.class},
            priority = Priorities.USER - 2)
    public Response refuse(SecurityException exception, UriInfo uri) {
        return Problems.response(
                Problems.of(ErrorCode.UNAUTHORIZED)
                        .withDetail("A valid token is needed, as a bearer or in the cookie.")
                        .withHeader(HttpHeaders.WWW_AUTHENTICATE, "Bearer")
                        .build(),
                exception,
                uri);
    }
}
