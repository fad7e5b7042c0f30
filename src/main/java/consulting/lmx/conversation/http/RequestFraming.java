package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.List;

/**
 * Refuses a request whose body, host or version a proxy in front may have taken for another, and reads no further on its
 * connection: what stands behind it could be a request that nobody let through (RFC 9112, 6.1 and 3.2). The decoder has
 * refused before what leaves open where the body ends: two lengths, {@code chunked} with a length, a last coding that is
 * another.
 */
@ApplicationScoped
public class RequestFraming {

    /** Before whatever may answer and leave the connection open. */
    private static final int PRIORITY = 950;

    void register(@Observes Filters filters) {
        filters.register(RequestFraming::check, PRIORITY);
    }

    private static void check(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (request.version() == null) {
            refuse(context, "The version of HTTP is none that is spoken here.");
        } else if (request.headers().getAll(HttpHeaders.HOST).size() > 1) {
            refuse(context, "The request names more than one host.");
        } else if (!isPlain(request)) {
            refuse(context, "A body is sent with a length or chunked, and in no other way.");
        } else {
            context.next();
        }
    }

    /** Whether its body comes as it is, or in chunks and nothing more. */
    private static boolean isPlain(HttpServerRequest request) {
        List<String> transfer = request.headers().getAll(HttpHeaders.TRANSFER_ENCODING);
        return transfer.isEmpty() || transfer.size() == 1 && transfer.get(0).equalsIgnoreCase("chunked");
    }

    private static void refuse(RoutingContext context, String detail) {
        Problems.sendAndClose(context, ErrorCode.INVALID_REQUEST, detail);
    }
}
