package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.smallrye.mutiny.Uni;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.container.ContainerRequestContext;
import java.io.ByteArrayInputStream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;

/**
 * Rejects a body by its headers if it is too large or compressed. {@link IncomingBody} reads any other one after the caller is
 * authenticated. A content type without a content is dropped, because clients send one with a POST that has no body.
 */
@ApplicationScoped
public class RequestBody {

    private final long limit;
    private final MemoryBudget budget;
    private final Caller caller;

    RequestBody(
            @ConfigProperty(name = "conversations.limits.body-size") MemorySize limit,
            MemoryBudget budget,
            Caller caller) {
        this.limit = limit.asLongValue();
        this.budget = budget;
        this.caller = caller;
    }

    void register(@Observes Filters filters) {
        filters.register(this::check, FilterOrder.BODY_HEADERS);
    }

    private void check(RoutingContext context) {
        HttpServerRequest request = context.request();
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        if (length != null && Long.parseLong(length) > limit) {
            Problems.send(
                    context,
                    ErrorCode.BODY_TOO_LARGE,
                    IncomingBody.tooLarge(limit).getMessage());
        } else if (!hasBody(request)) {
            request.headers().remove(HttpHeaders.CONTENT_TYPE);
            context.next();
        } else if (!isPlain(request.headers())) {
            Problems.send(
                    context,
                    ErrorCode.UNSUPPORTED_BODY,
                    "Send the body without a Content-Encoding, such as compression.");
        } else {
            context.next();
        }
    }

    private static boolean hasBody(HttpServerRequest request) {
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return request.headers().contains(HttpHeaders.TRANSFER_ENCODING) || length != null && !length.equals("0");
    }

    private static boolean isPlain(MultiMap headers) {
        String encoding = headers.get(HttpHeaders.CONTENT_ENCODING);
        return encoding == null || encoding.equalsIgnoreCase("identity");
    }

    /** Reads the body for the route. The framework runs this filter after authentication. */
    @ServerRequestFilter(priority = Priorities.USER + 1)
    Uni<Void> read(ContainerRequestContext request, RoutingContext context) {
        HttpMethod method = context.request().method();
        if (!hasBody(context.request()) || method.equals(HttpMethod.GET) || method.equals(HttpMethod.HEAD)) {
            return Uni.createFrom().voidItem();
        }
        return new IncomingBody(context, caller.id(), limit, budget)
                .read()
                .invoke(body -> request.setEntityStream(new ByteArrayInputStream(body.getBytes())))
                .replaceWithVoid();
    }
}
