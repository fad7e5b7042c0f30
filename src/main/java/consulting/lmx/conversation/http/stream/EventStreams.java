package consulting.lmx.conversation.http.stream;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.LogThrottle;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.Caller;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.BackPressureFailure;
import io.smallrye.mutiny.subscription.UniEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.core.MediaType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/**
 * Opens the server-sent event streams of all routes. A stream begins with a reconnection time, and has heartbeats. It ends
 * with the caller's token, at a shutdown, and if the listener does not read. An event is encoded when the listener can take
 * it, so that a slow listener holds at most one event.
 */
@ApplicationScoped
public class EventStreams {

    private static final Logger LOG = Logger.getLogger(EventStreams.class);

    /** The first part of a stream, with the reconnection time in milliseconds. */
    private static final byte[] HELLO = "retry: 1000\n: open\n\n".getBytes(StandardCharsets.US_ASCII);

    private static final byte[] HEARTBEAT = ": heartbeat\n\n".getBytes(StandardCharsets.US_ASCII);

    /** Ends the stream, and is not sent. */
    private static final Part END = () -> new byte[0];

    /** A part of a stream, which is encoded when it is sent. */
    private interface Part {
        byte[] encoded();
    }

    private final EventsConfig config;
    private final ObjectMapper json;
    private final Counter dropped;
    private final Counter rejected;
    private final LogThrottle throttle = new LogThrottle();
    private final Map<String, Integer> open = new ConcurrentHashMap<>();
    private final Set<UniEmitter<? super Part>> endings = ConcurrentHashMap.newKeySet();
    private volatile boolean stopping;

    EventStreams(EventsConfig config, ObjectMapper json, MeterRegistry meters) {
        this.config = config;
        this.json = json;
        this.dropped = meters.counter("conversations.listeners.dropped");
        this.rejected = Counter.builder("conversations.listeners.rejected")
                .description("Listeners that were rejected because conversations.events.max-streams streams were open")
                .register(meters);
        Gauge.builder("conversations.listeners", endings, Set::size).register(meters);
    }

    /** Registers the metrics at startup: the observer creates this bean. */
    void onStart(@Observes StartupEvent event) {}

    /**
     * Opens a stream of {@code events} for the caller. Fails before anything is sent: as {@code events} does, with
     * {@link ErrorCode#TOO_MANY_LISTENERS} if the caller has too many open streams, and with {@link ErrorCode#OVERLOADED} if the
     * process has.
     */
    public Uni<RestResponse<StreamedBody>> open(Caller caller, Uni<Multi<Event>> events) {
        String id = caller.id();
        Optional<Instant> expiry = caller.expiry();
        BooleanSupplier accepted = caller.tokenCheck();
        return events.map(found -> {
            requireRoom(id);
            Multi<byte[]> parts = stream(id, found, heartbeats(accepted), end(expiry));
            return ResponseBuilder.ok(new StreamedBody(parts), MediaType.SERVER_SENT_EVENTS)
                    .header("X-Accel-Buffering", "no") // tells nginx not to buffer events
                    .build();
        });
    }

    private Multi<byte[]> stream(String caller, Multi<Event> events, Multi<Part> heartbeats, Uni<Part> end) {
        Multi<Part> encodings = events.map(event -> () -> event.encoded(json));
        Multi<Part> all = Multi.createBy()
                .merging()
                .withRequests(1)
                .streams(
                        Multi.createBy()
                                .concatenating()
                                .streams(encodings, Multi.createFrom().item(END)),
                        heartbeats,
                        end.toMulti());
        return Multi.createFrom().deferred(() -> {
            open.merge(caller, 1, Integer::sum);
            return Multi.createBy()
                    .concatenating()
                    .streams(
                            Multi.createFrom().item(HELLO),
                            all.select().first(part -> part != END).map(Part::encoded))
                    .onTermination()
                    .invoke(() -> leave(caller));
        });
    }

    /**
     * Ends the stream when the token is no longer accepted. Fails if the previous heartbeat is still unread when the next one is
     * due.
     */
    private Multi<Part> heartbeats(BooleanSupplier accepted) {
        return Multi.createFrom()
                .ticks()
                .startingAfter(config.heartbeat())
                .every(config.heartbeat())
                .onFailure(BackPressureFailure.class)
                .transform(notTaken -> {
                    dropped.increment();
                    return new IllegalStateException("The listener has read nothing for " + config.heartbeat());
                })
                .map(tick -> accepted.getAsBoolean() ? () -> HEARTBEAT : END);
    }

    private Uni<Part> end(Optional<Instant> expiry) {
        Uni<Part> ended = Uni.createFrom().emitter(ending -> {
            endings.add(ending);
            ending.onTermination(() -> endings.remove(ending));
            if (stopping) {
                ending.complete(END);
            }
        });
        return expiry.map(at -> ended.ifNoItem()
                        .after(atLeastOneMillisecond(Duration.between(Instant.now(), at)))
                        .recoverWithItem(END))
                .orElse(ended);
    }

    private static Duration atLeastOneMillisecond(Duration duration) {
        return duration.compareTo(Duration.ofMillis(1)) > 0 ? duration : Duration.ofMillis(1);
    }

    private void requireRoom(String caller) {
        if (open.getOrDefault(caller, 0) >= config.maxStreamsPerCaller()) {
            throw new ServiceException(
                    ErrorCode.TOO_MANY_LISTENERS,
                    "You have " + config.maxStreamsPerCaller() + " open event streams. Close one, then try again.");
        }
        if (endings.size() >= config.maxStreams()) {
            rejected.increment();
            if (throttle.permits()) {
                LOG.warnf(
                        "event=streams-full streams=%d rejected=%.0f: listeners are rejected with 503. Start more replicas,"
                                + " or raise conversations.events.max-streams if the heap has room.",
                        config.maxStreams(), rejected.count());
            }
            throw new ServiceException(
                    ErrorCode.OVERLOADED, "The service has too many open event streams. Try again later.");
        }
    }

    private void leave(String caller) {
        open.computeIfPresent(caller, (id, streams) -> streams == 1 ? null : streams - 1);
    }

    void onShutdownDelay(@Observes ShutdownDelayInitiatedEvent event) {
        endAll();
    }

    void onStop(@Observes ShutdownEvent event) {
        endAll();
    }

    private void endAll() {
        stopping = true;
        endings.forEach(ending -> ending.complete(END));
    }
}
