package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.text.Text;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/**
 * Refuses a path or a query that could be taken for another one than was meant: characters that should have been encoded, a
 * semicolon among them (what follows it would be thrown away), bytes that are no UTF-8.
 */
@ApplicationScoped
public class RequestTarget {

    /** After CORS (300), so that a browser may read the refusal, and before whatever looks at the path. */
    private static final int PRIORITY = 290;

    /** A parameter of four bytes takes hundreds while its request is worked on. */
    private static final int MAX_PARAMETERS = 32;

    /** The characters of a path (RFC 3986) but for the semicolon. */
    private static final Pattern PATH = Pattern.compile("(?:[A-Za-z0-9._~!$&'()*+,=:@/-]++|%[0-9A-Fa-f]{2})*+");

    void register(@Observes Filters filters) {
        filters.register(RequestTarget::check, PRIORITY);
    }

    /** What the router refuses before any filter, such as a request that names no host. */
    void register(@Observes Router router) {
        router.route().failureHandler(context -> {
            if (context.statusCode() == ErrorCode.INVALID_REQUEST.status()) {
                refuse(context, "The request is not one of HTTP.");
            } else {
                context.next();
            }
        });
    }

    private static void check(RoutingContext context) {
        if (!isWellFormed(context.request().path())) {
            refuse(context, "The path is not encoded as RFC 3986 says, in UTF-8 and with %3B for a semicolon.");
        } else if (hasTooManyParameters(context.request().query())) {
            refuse(context, "The query has more than " + MAX_PARAMETERS + " parameters.");
        } else if (!isDecodable(context)) {
            refuse(context, "The query is not encoded as RFC 3986 says.");
        } else {
            context.next();
        }
    }

    private static void refuse(RoutingContext context, String detail) {
        Problems.send(context, ErrorCode.INVALID_REQUEST, detail, new JsonObject());
    }

    private static boolean isWellFormed(String path) {
        if (!PATH.matcher(path).matches()) {
            return false;
        }
        String bytes = URLDecoder.decode(path.replace("+", "%2B"), StandardCharsets.ISO_8859_1);
        return Text.isUtf8(bytes.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static boolean hasTooManyParameters(String query) {
        return query != null && query.chars().filter(c -> c == '&').count() >= MAX_PARAMETERS;
    }

    private static boolean isDecodable(RoutingContext context) {
        try {
            return context.queryParams() != null;
        } catch (RuntimeException undecodable) {
            return false;
        }
    }
}
