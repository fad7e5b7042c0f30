package consulting.lmx.conversation.problem;

import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemContext;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.net.URI;
import java.util.UUID;

/** Builds problem documents (RFC 9457), and sends them for requests that have not reached a route. */
public final class Problems {

    /** The field of a problem that has {@link ErrorCode#code()}. */
    static final String CODE = "code";

    /** Seconds until the same call may succeed after a 503. */
    public static final String RETRY_AFTER = "1";

    private static final String MEDIA_TYPE = "application/problem+json";
    private static final int SERVICE_UNAVAILABLE = 503;

    private Problems() {}

    /** A problem with the type, status, title and name of {@code code}. */
    public static HttpProblem.Builder of(ErrorCode code) {
        return HttpProblem.builder()
                .withType(URI.create(code.type()))
                .withStatus(code.status())
                .withTitle(code.title())
                .with(CODE, code.code());
    }

    /** The response to {@code cause}: logged, and with the fields that {@link ProblemFields} adds. */
    public static Response response(HttpProblem problem, Throwable cause, UriInfo uri) {
        return ExceptionMapperBase.postProcessorsRegistry
                .applyPostProcessing(problem, ProblemContext.of(cause, uri))
                .toResponse();
    }

    /**
     * Ends the request with a problem. A 503 gets a {@code Retry-After} of {@link #RETRY_AFTER} unless the response has one; a
     * status from 500 gets an {@code errorId}.
     */
    public static void send(RoutingContext request, ErrorCode code, String detail) {
        begin(request, code).end(body(request, code, detail).toBuffer());
    }

    /**
     * Answers with a problem and closes the connection. The response stays without its end, so that Vert.x takes no following
     * bytes for another request.
     */
    public static void sendAndClose(RoutingContext request, ErrorCode code, String detail) {
        Buffer problem = body(request, code, detail).toBuffer();
        begin(request, code)
                .putHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(problem.length()))
                .putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE)
                .write(problem)
                .onComplete(written -> request.request().connection().close());
    }

    private static HttpServerResponse begin(RoutingContext request, ErrorCode code) {
        HttpServerResponse response = request.response();
        if (code.status() == SERVICE_UNAVAILABLE && !response.headers().contains(HttpHeaders.RETRY_AFTER)) {
            response.putHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER);
        }
        return response.setStatusCode(code.status()).putHeader(HttpHeaders.CONTENT_TYPE, MEDIA_TYPE);
    }

    private static JsonObject body(RoutingContext request, ErrorCode code, String detail) {
        JsonObject problem = new JsonObject()
                .put("type", code.type())
                .put("title", code.title())
                .put("status", code.status())
                .put("detail", detail)
                .put("instance", request.normalizedPath())
                .put(CODE, code.code());
        return code.status() < 500
                ? problem
                : problem.put("errorId", UUID.randomUUID().toString());
    }
}
