package consulting.lmx.conversation.error;

import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.MultiMap;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.impl.ContextInternal;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.container.ContainerRequestContext;
import java.io.ByteArrayInputStream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;

/**
 * Looks at a body before the routes do: one that is too large is refused, by what it says of itself before any of it is
 * read, and one that does not say its length as soon as it is longer. One that is compressed is refused too. A content type
 * without a content is let go: clients send one along with a POST that has no body.
 */
@ApplicationScoped
public class RequestBody {

    /** After CORS (300), so that a browser may read the refusal, and after the gate (250). */
    private static final int PRIORITY = 240;

    /** Before whatever may answer. */
    private static final int FIRST = 900;

    /** How much of a refused body is read and thrown away, in sizes of the limit, and for how long. */
    private static final int DISCARDED_TIMES = 16;

    private static final long DISCARDED_MILLIS = 5_000;

    private static final String COLLECTED = RequestBody.class.getName();

    private final long limit;

    RequestBody(@ConfigProperty(name = "conversations.limits.body-size", defaultValue = "1M") MemorySize limit) {
        this.limit = limit.asLongValue();
    }

    void register(@Observes Filters filters) {
        filters.register(this::finish, FIRST);
        filters.register(this::check, PRIORITY);
    }

    /**
     * Lets the client finish what it is sending where it was answered before, by whoever: on a connection that is kept, its
     * next request stands behind.
     */
    private void finish(RoutingContext context) {
        // The answer may come from another thread, where the request could end between a look at it and the next step.
        ContextInternal loop = (ContextInternal) context.vertx().getOrCreateContext();
        context.addEndHandler(answered -> {
            if (!context.request().isEnded()) {
                loop.execute(() -> discard(context));
            }
        });
        context.next();
    }

    private void check(RoutingContext context) {
        HttpServerRequest request = context.request();
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        boolean inChunks = request.headers().contains(HttpHeaders.TRANSFER_ENCODING);
        if (length != null && Long.parseLong(length) > limit) {
            refuseTooLarge(context);
        } else if (!inChunks && (length == null || length.equals("0"))) {
            request.headers().remove(HttpHeaders.CONTENT_TYPE);
            context.next();
        } else if (!isPlain(request.headers())) {
            refuse(
                    context,
                    ErrorCode.UNSUPPORTED_BODY,
                    "A body is taken as it is, neither compressed nor encoded otherwise.");
        } else if (inChunks) {
            collect(context);
        } else {
            context.next();
        }
    }

    private static boolean isPlain(MultiMap headers) {
        String encoding = headers.get(HttpHeaders.CONTENT_ENCODING);
        return encoding == null || encoding.equalsIgnoreCase("identity");
    }

    private void collect(RoutingContext context) {
        Buffer body = Buffer.buffer();
        HttpServerRequest request = context.request();
        request.handler(chunk -> {
            if (body.length() + chunk.length() > limit) {
                refuseTooLarge(context);
            } else {
                body.appendBuffer(chunk);
            }
        });
        request.endHandler(ended -> {
            context.put(COLLECTED, body);
            context.next();
        });
        request.resume();
    }

    private void refuseTooLarge(RoutingContext context) {
        refuse(context, ErrorCode.BODY_TOO_LARGE, "A body may have at most " + limit + " bytes.");
    }

    private static void refuse(RoutingContext context, ErrorCode code, String detail) {
        Problems.send(context, code, detail, new JsonObject());
    }

    /** Reads and throws away, within bounds: a client whose connection is closed while it sends may never see the answer. */
    private void discard(RoutingContext context) {
        HttpServerRequest request = context.request();
        if (request.isEnded()) {
            return;
        }
        long[] discarded = {0};
        long timer = context.vertx()
                .setTimer(DISCARDED_MILLIS, late -> request.connection().close());
        request.endHandler(sent -> context.vertx().cancelTimer(timer));
        request.exceptionHandler(gone -> context.vertx().cancelTimer(timer));
        request.handler(chunk -> {
            discarded[0] += chunk.length();
            if (discarded[0] > DISCARDED_TIMES * limit) {
                request.connection().close();
            }
        });
        request.resume();
    }

    /** Hands a body that was collected here on to the route. */
    @ServerRequestFilter
    void handOn(ContainerRequestContext request, RoutingContext context) {
        if (context.get(COLLECTED) instanceof Buffer body) {
            request.setEntityStream(new ByteArrayInputStream(body.getBytes()));
        }
    }
}
