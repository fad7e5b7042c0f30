package consulting.lmx.conversation.mongo;

import com.mongodb.MongoCommandException;
import com.mongodb.RequestContext;
import com.mongodb.event.CommandFailedEvent;
import com.mongodb.event.CommandListener;
import com.mongodb.event.CommandStartedEvent;
import com.mongodb.event.CommandSucceededEvent;
import com.mongodb.reactivestreams.client.ReactiveContextProvider;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.quarkus.arc.lookup.LookupIfProperty;
import io.quarkus.mongodb.runtime.MongoReactiveContextProvider;
import io.quarkus.mongodb.runtime.MongoRequestContext;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bson.BsonValue;

/**
 * A span for each command that a request sends to the database, by OpenTelemetry's conventions for database clients: command,
 * collection, server and outcome, never contents. Quarkus's own listener ({@code quarkus.mongodb.tracing.enabled}) is not used,
 * because it adds the whole command to the span.
 */
@Singleton
@LookupIfProperty(name = "quarkus.otel.sdk.disabled", stringValue = "false")
public class CommandSpans implements CommandListener {

    private static final AttributeKey<String> SYSTEM = AttributeKey.stringKey("db.system.name");
    private static final AttributeKey<String> NAMESPACE = AttributeKey.stringKey("db.namespace");
    private static final AttributeKey<String> COLLECTION = AttributeKey.stringKey("db.collection.name");
    private static final AttributeKey<String> OPERATION = AttributeKey.stringKey("db.operation.name");
    private static final AttributeKey<String> STATUS = AttributeKey.stringKey("db.response.status_code");
    private static final AttributeKey<String> ERROR = AttributeKey.stringKey("error.type");
    private static final AttributeKey<String> SERVER = AttributeKey.stringKey("server.address");
    private static final AttributeKey<Long> PORT = AttributeKey.longKey("server.port");

    private final Tracer tracer;
    private final Map<Integer, Span> started = new ConcurrentHashMap<>();

    CommandSpans(OpenTelemetry telemetry) {
        tracer = telemetry.getTracer("consulting.lmx.conversation");
    }

    /** Carries the trace from the subscriber to the thread that sends the command, which is often another one. */
    @Produces
    @Singleton
    @LookupIfProperty(name = "quarkus.otel.sdk.disabled", stringValue = "false")
    static ReactiveContextProvider subscriberContext() {
        return new MongoReactiveContextProvider();
    }

    @Override
    public void commandStarted(CommandStartedEvent event) {
        Context parent = parent(event.getRequestContext());
        if (!Span.fromContext(parent).getSpanContext().isValid()) {
            return;
        }
        String command = event.getCommandName();
        var server = event.getConnectionDescription().getServerAddress();
        BsonValue collection = event.getCommand().get(command.equals("getMore") ? "collection" : command);
        SpanBuilder span = tracer.spanBuilder(command)
                .setParent(parent)
                .setSpanKind(SpanKind.CLIENT)
                .setAttribute(SYSTEM, "mongodb")
                .setAttribute(NAMESPACE, event.getDatabaseName())
                .setAttribute(OPERATION, command)
                .setAttribute(SERVER, server.getHost())
                .setAttribute(PORT, (long) server.getPort());
        if (collection != null && collection.isString()) {
            span.setAttribute(COLLECTION, collection.asString().getValue());
        }
        started.put(event.getRequestId(), span.startSpan());
    }

    /** The root for commands that the driver sends by itself. */
    private static Context parent(RequestContext context) {
        return context instanceof MongoRequestContext
                ? context.get(MongoRequestContext.OTEL_CONTEXT_KEY)
                : Context.root();
    }

    @Override
    public void commandSucceeded(CommandSucceededEvent event) {
        Span span = started.remove(event.getRequestId());
        if (span != null) {
            span.end();
        }
    }

    @Override
    public void commandFailed(CommandFailedEvent event) {
        Span span = started.remove(event.getRequestId());
        if (span != null) {
            Throwable failure = event.getThrowable();
            span.setStatus(StatusCode.ERROR)
                    .setAttribute(ERROR, failure.getClass().getName());
            if (failure instanceof MongoCommandException rejected) {
                span.setAttribute(STATUS, String.valueOf(rejected.getErrorCode()));
            }
            span.end();
        }
    }
}
