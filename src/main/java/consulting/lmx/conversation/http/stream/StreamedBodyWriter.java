package consulting.lmx.conversation.http.stream;

import consulting.lmx.conversation.problem.LogThrottle;
import consulting.lmx.conversation.text.Text;
import io.vertx.core.http.HttpServerRequest;
import jakarta.ws.rs.HttpMethod;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.MultivaluedMap;
import jakarta.ws.rs.ext.Provider;
import java.io.OutputStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveResourceInfo;
import org.jboss.resteasy.reactive.server.spi.ServerHttpResponse;
import org.jboss.resteasy.reactive.server.spi.ServerMessageBodyWriter;
import org.jboss.resteasy.reactive.server.spi.ServerRequestContext;

/**
 * Sends a {@link StreamedBody}. RESTEasy Reactive would send the head of a {@code Multi} before the first item, and leave the
 * connection open after a failure.
 */
@Provider
@Produces(MediaType.WILDCARD)
public class StreamedBodyWriter implements ServerMessageBodyWriter<StreamedBody> {

    private static final Logger LOG = Logger.getLogger(StreamedBodyWriter.class);
    private static final LogThrottle THROTTLE = new LogThrottle();

    @Override
    public boolean isWriteable(
            Class<?> type, Type genericType, ResteasyReactiveResourceInfo target, MediaType mediaType) {
        return type == StreamedBody.class;
    }

    @Override
    public boolean isWriteable(Class<?> type, Type genericType, Annotation[] annotations, MediaType mediaType) {
        return type == StreamedBody.class;
    }

    @Override
    public void writeResponse(StreamedBody body, Type genericType, ServerRequestContext context) {
        ResteasyReactiveRequestContext request = (ResteasyReactiveRequestContext) context;
        request.suspend();
        context.serverResponse().setChunked(true);
        if (request.getMethod().equals(HttpMethod.HEAD)) {
            context.serverResponse().end();
            request.close();
            return;
        }
        body.parts().subscribe().withSubscriber(new Sender(request, context.serverResponse()));
    }

    @Override
    public void writeTo(
            StreamedBody body,
            Class<?> type,
            Type genericType,
            Annotation[] annotations,
            MediaType mediaType,
            MultivaluedMap<String, Object> headers,
            OutputStream stream) {
        throw new UnsupportedOperationException("A streamed body is not written to an OutputStream");
    }

    private static final class Sender implements Flow.Subscriber<byte[]> {

        private final ResteasyReactiveRequestContext request;
        private final ServerHttpResponse response;
        private Flow.Subscription parts;

        Sender(ResteasyReactiveRequestContext request, ServerHttpResponse response) {
            this.request = request;
            this.response = response;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            parts = subscription;
            response.addCloseHandler(parts::cancel);
            parts.request(1);
        }

        @Override
        public void onNext(byte[] part) {
            CompletionStage<Void> written = response.write(part);
            request.unwrap(HttpServerRequest.class).headers().clear(); // an open stream would keep them in memory
            written.whenComplete((sent, failure) -> {
                if (failure == null) {
                    parts.request(1);
                } else {
                    parts.cancel(); // the client is gone
                }
            });
        }

        @Override
        public void onComplete() {
            response.end();
            request.close();
        }

        @Override
        public void onError(Throwable failure) {
            if (THROTTLE.permits()) {
                LOG.warnf(
                        "event=response-aborted path=%s reason=%s",
                        Text.quoted(request.getPath()), Text.quoted(String.valueOf(failure.getMessage())));
            }
            response.reset();
            request.close();
        }
    }
}
