package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.text.Text;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Rejects requests that a proxy in front could read differently: request smuggling by framing, host or version (RFC 9112, 6.1
 * and 3.2), and paths or queries that RFC 3986 does not allow. After a framing error the connection is closed, since the bytes
 * that follow may be a request that the proxy did not check. The decoder has already rejected conflicting lengths.
 */
@ApplicationScoped
public class RequestSyntax {

    /** A parameter of four bytes takes hundreds of bytes of heap. */
    private static final int MAX_PARAMETERS = 32;

    /** The characters of a path (RFC 3986) without the semicolon: Vert.x drops what follows it. */
    private static final Pattern PATH = Pattern.compile("(?:[A-Za-z0-9._~!$&'()*+,=:@/-]++|%[0-9A-Fa-f]{2})*+");

    void register(@Observes Filters filters) {
        filters.register(RequestSyntax::check, FilterOrder.REQUEST_SYNTAX);
    }

    /** Turns what the router rejects before any filter, such as a request without a host, into a problem. */
    void register(@Observes Router router) {
        router.route().failureHandler(context -> {
            if (context.statusCode() == ErrorCode.INVALID_REQUEST.status()) {
                reject(context, "The request is not valid HTTP.");
            } else {
                context.next();
            }
        });
    }

    private static void check(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (request.version() == null) {
            rejectAndClose(context, "The HTTP version is not supported. Use HTTP/1.1.");
        } else if (!Connection.of(request).map(Connection::namesOneHost).orElse(true)) {
            rejectAndClose(context, "The request does not name one valid host.");
        } else if (!isFramedPlainly(request)) {
            rejectAndClose(context, "Send the body with a Content-Length or with Transfer-Encoding: chunked only.");
        } else if (!isWellFormed(request.path())) {
            reject(context, "The path is not UTF-8 that is encoded by RFC 3986, with %3B for a semicolon.");
        } else if (hasTooManyParameters(request.query())) {
            reject(context, "The query has more than " + MAX_PARAMETERS + " parameters.");
        } else if (!isDecodable(context)) {
            reject(context, "The query is not encoded by RFC 3986.");
        } else {
            context.next();
        }
    }

    private static void rejectAndClose(RoutingContext context, String detail) {
        Problems.sendAndClose(context, ErrorCode.INVALID_REQUEST, detail);
    }

    private static void reject(RoutingContext context, String detail) {
        Problems.send(context, ErrorCode.INVALID_REQUEST, detail);
    }

    private static boolean isFramedPlainly(HttpServerRequest request) {
        List<String> codings = request.headers().getAll(HttpHeaders.TRANSFER_ENCODING);
        return codings.isEmpty() || codings.size() == 1 && codings.get(0).equalsIgnoreCase("chunked");
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
