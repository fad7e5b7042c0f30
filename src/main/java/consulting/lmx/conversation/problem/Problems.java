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

/** Begins a problem of RFC 9457, and sends one where the request has not reached the routes yet. */
public final class Problems {

    static final String ABOUT_BLANK = "about:blank";

    /** When the same call may succeed after a 503, in seconds. */
    public static final String RETRY_AFTER = "1";

    private static final String MEDIA_TYPE = "application/problem+json";

    private Problems() {}

    public static HttpProblem.Builder of(ErrorCode code) {
        return HttpProblem.builder().withStatus(code.status()).withTitle(code.title());
    }

    /** The answer that a mapper gives, complete and logged. */
    public static Response response(HttpProblem problem, Throwable cause, UriInfo uri) {
        return ExceptionMapperBase.postProcessorsRegistry
                .applyPostProcessing(problem, ProblemContext.of(cause, uri))
                .toResponse();
    }

    /** Ends the request with a problem; headers that were set before go with it. */
    public static void send(RoutingContext request, ErrorCode code, String detail, JsonObject more) {
        head(request, code).end(body(request, code, detail).mergeIn(more).toBuffer());
    }

    /**
     * Answers with a problem and closes the connection. The answer is not ended: with its end, whatever the client sent behind
     * the request would be taken for the next one.
     */
    public static void sendAndClose(RoutingContext request, ErrorCode code, String detail) {
        Buffer problem = body(request, code, detail).toBuffer();
        head(request, code)
                .putHeader(HttpHeaders.CONTENT_LENGTH, String.valueOf(problem.length()))
                .putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE)
                .write(problem)
                .onComplete(written -> request.request().connection().close());
    }

    private static HttpServerResponse head(RoutingContext request, ErrorCode code) {
        return request.response().setStatusCode(code.status()).putHeader(HttpHeaders.CONTENT_TYPE, MEDIA_TYPE);
    }

    private static JsonObject body(RoutingContext request, ErrorCode code, String detail) {
        return new JsonObject()
                .put("type", ABOUT_BLANK)
                .put("title", code.title())
                .put("status", code.status())
                .put("detail", detail)
                .put("instance", request.normalizedPath());
    }
}
