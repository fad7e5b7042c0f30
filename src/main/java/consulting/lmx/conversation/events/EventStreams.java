package consulting.lmx.conversation.events;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import consulting.lmx.conversation.http.StreamedBody;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
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
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/**
 * Server-sent events as every route of ours sends them: opened at once by a hint when to come again, kept by heartbeats, and
 * ended with the caller's token, with this process, or where the listener does not take what it is sent. Nothing is read
 * ahead of a listener: a slow one costs no memory until it is dropped.
 */
@ApplicationScoped
public class EventStreams {

    /** Opens the stream, and tells after how many milliseconds to come again when it is cut. */
    private static final byte[] HELLO = "retry: 1000\n: open\n\n".getBytes(StandardCharsets.US_ASCII);

    private static final byte[] HEARTBEAT = ": heartbeat\n\n".getBytes(StandardCharsets.US_ASCII);

    /** Is not sent. */
    private static final byte[] END = {};

    private final EventsConfig config;
    private final ObjectMapper json;
    private final Counter dropped;
    private final Counter refused;
    private final Map<String, Integer> open = new ConcurrentHashMap<>();
    private final Set<UniEmitter<? super byte[]>> endings = ConcurrentHashMap.newKeySet();
    private volatile boolean stopping;

    EventStreams(EventsConfig config, ObjectMapper json, MeterRegistry meters) {
        this.config = config;
        this.json = json;
        this.dropped = meters.counter("conversations.listeners.dropped");
        this.refused = Counter.builder("conversations.listeners.refused")
                .description("Listeners that were turned away since as many event streams were open as may be")
                .register(meters);
        Gauge.builder("conversations.listeners", endings, Set::size).register(meters);
    }

    /**
     * {@code events} as the stream of a caller whose token ends at {@code expiry}. It fails before anything is sent where
     * they do, with {@link ErrorCode#TOO_MANY_LISTENERS} where he has too many open, and with {@link ErrorCode#OVERLOADED} where
     * the process has.
     */
    public Uni<RestResponse<StreamedBody>> open(String caller, Optional<Instant> expiry, Uni<Multi<Event>> events) {
        return events.map(found -> {
            requireRoom(caller);
            return ResponseBuilder.ok(new StreamedBody(stream(caller, expiry, found)), MediaType.SERVER_SENT_EVENTS)
                    .header("X-Accel-Buffering", "no") // a proxy is to pass each event on at once
                    .build();
        });
    }

    private Multi<byte[]> stream(String caller, Optional<Instant> expiry, Multi<Event> events) {
        Multi<byte[]> all = Multi.createBy()
                .merging()
                .withRequests(1)
                .streams(
                        Multi.createBy()
                                .concatenating()
                                .streams(
                                        events.map(event -> event.encoded(json)),
                                        Multi.createFrom().item(END)),
                        heartbeats(),
                        end(expiry).toMulti());
        return Multi.createFrom().deferred(() -> {
            open.merge(caller, 1, Integer::sum);
            return Multi.createBy()
                    .concatenating()
                    .streams(Multi.createFrom().item(HELLO), all.select().first(part -> part != END))
                    .onTermination()
                    .invoke(() -> leave(caller));
        });
    }

    /** Where one was not taken yet when the next is due, the listener does not read, and the stream fails. */
    private Multi<byte[]> heartbeats() {
        return Multi.createFrom()
                .ticks()
                .startingAfter(config.heartbeat())
                .every(config.heartbeat())
                .onFailure(BackPressureFailure.class)
                .transform(notTaken -> {
                    dropped.increment();
                    return new IllegalStateException("the listener has taken nothing for " + config.heartbeat());
                })
                .map(tick -> HEARTBEAT);
    }

    private Uni<byte[]> end(Optional<Instant> expiry) {
        Uni<byte[]> told = Uni.createFrom().emitter(ending -> {
            endings.add(ending);
            ending.onTermination(() -> endings.remove(ending));
            if (stopping) {
                ending.complete(END);
            }
        });
        return expiry.map(at -> told.ifNoItem()
                        .after(atLeastAMoment(Duration.between(Instant.now(), at)))
                        .recoverWithItem(END))
                .orElse(told);
    }

    private static Duration atLeastAMoment(Duration duration) {
        return duration.compareTo(Duration.ofMillis(1)) > 0 ? duration : Duration.ofMillis(1);
    }

    private void requireRoom(String caller) {
        if (open.getOrDefault(caller, 0) >= config.listeners()) {
            throw new ServiceException(
                    ErrorCode.TOO_MANY_LISTENERS,
                    "You have " + config.listeners() + " event streams open. Close one, and try again.");
        }
        if (endings.size() >= config.streams()) {
            refused.increment();
            throw new ServiceException(
                    ErrorCode.OVERLOADED, "As many event streams are open as may be. Try again a little later.");
        }
    }

    private void leave(String caller) {
        open.computeIfPresent(caller, (id, streams) -> streams == 1 ? null : streams - 1);
    }

    void onDrain(@Observes ShutdownDelayInitiatedEvent event) {
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
