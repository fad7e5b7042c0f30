package consulting.lmx.conversation.http.connection;

import consulting.lmx.conversation.http.connection.Connection.State;
import consulting.lmx.conversation.problem.LogThrottle;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.BaseUnits;
import io.netty.util.internal.PlatformDependent;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * Limits what connections make the process hold: their number, the incomplete request heads, and the bytes of responses that
 * clients do not read. If a limit is exceeded, the oldest connection that waits for its client is closed, so that a new one,
 * such as a probe's, is served.
 */
@ApplicationScoped
public class ConnectionLimits {

    /** Maximum of incomplete heads: each may hold 32 KiB of direct memory and a hundred headers. */
    static final int MAX_HEADS = 128;

    /** Maximum time from the first byte of a head to its last. */
    static final Duration HEAD_TIMEOUT = Duration.ofSeconds(10);

    /** Maximum time that a client may continue to send an answered body. */
    static final Duration REST_TIMEOUT = Duration.ofSeconds(5);

    /** Maximum time that a client may read nothing of its response. */
    static final Duration READER_TIMEOUT = Duration.ofSeconds(30);

    /** Time during which an incomplete request is not closed for a new connection. */
    static final Duration GRACE = Duration.ofSeconds(1);

    private static final Logger LOG = Logger.getLogger(ConnectionLimits.class);

    /** Heap of an open event stream, in bytes. Other connections take less. */
    private static final int HEAP_OF_A_CONNECTION = 57 * 1024;

    /** Divisor: unread responses may take this part of the direct memory. */
    private static final int PART_OF_DIRECT_MEMORY = 4;

    private final int max;
    private final long maxUnread;
    private final MeterRegistry meters;
    private final LongSupplier nanoTime;
    private final Map<State, Set<Connection>> byState = new EnumMap<>(State.class);
    private final Set<Connection> unread = new LinkedHashSet<>();
    private final LogThrottle throttle = new LogThrottle();

    @Inject
    ConnectionLimits(MeterRegistry meters) {
        this(
                (int) (Runtime.getRuntime().maxMemory() / HEAP_OF_A_CONNECTION),
                PlatformDependent.estimateMaxDirectMemory() / PART_OF_DIRECT_MEMORY,
                meters,
                System::nanoTime);
    }

    ConnectionLimits(int max, long maxUnread, MeterRegistry meters, LongSupplier nanoTime) {
        this.max = max;
        this.maxUnread = maxUnread;
        this.meters = meters;
        this.nanoTime = nanoTime;
        for (State state : State.values()) {
            byState.put(state, new LinkedHashSet<>());
        }
        Gauge.builder("conversations.connections", this, ConnectionLimits::open)
                .description("Open connections of clients")
                .register(meters);
        Gauge.builder("conversations.connections.unread", this, ConnectionLimits::unreadBytes)
                .description("Bytes of responses that clients have not read yet")
                .baseUnit(BaseUnits.BYTES)
                .register(meters);
    }

    void opened(Connection connection) {
        Optional<Connection> victim;
        synchronized (this) {
            victim = open() < max ? Optional.empty() : leastUseful().or(() -> Optional.of(connection));
            connection.state = State.IDLE;
            connection.since = nanoTime.getAsLong();
            byState.get(State.IDLE).add(connection);
            victim.ifPresent(this::forget);
        }
        victim.ifPresent(closed -> close(closed, "connections"));
    }

    /** The oldest connection that waits for the rest of a request, else the oldest idle one. */
    private Optional<Connection> leastUseful() {
        return Stream.of(State.HEAD, State.REST, State.BODY)
                .flatMap(state -> oldest(state).stream())
                .filter(connection -> isOlder(connection.since, GRACE))
                .findFirst()
                .or(() -> oldest(State.IDLE));
    }

    synchronized void closed(Connection connection) {
        forget(connection);
    }

    private void forget(Connection connection) {
        byState.values().forEach(connections -> connections.remove(connection));
        unread.remove(connection);
        connection.state = null;
    }

    void move(Connection connection, State state) {
        Optional<Connection> victim = Optional.empty();
        synchronized (this) {
            if (connection.state == null || connection.state == state) {
                return;
            }
            byState.get(connection.state).remove(connection);
            byState.get(state).add(connection);
            connection.state = state;
            connection.since = nanoTime.getAsLong();
            if (byState.get(State.HEAD).size() > MAX_HEADS) {
                victim = oldest(State.HEAD);
                victim.ifPresent(this::forget);
            }
        }
        victim.ifPresent(closed -> close(closed, "heads"));
    }

    private Optional<Connection> oldest(State state) {
        return byState.get(state).stream().findFirst();
    }

    /** Records that the client has not read its whole response. */
    void unread(Connection connection) {
        List<Connection> victims = new ArrayList<>();
        synchronized (this) {
            if (connection.state == null) {
                return;
            }
            if (unread.add(connection)) {
                connection.unread = connection.pending();
                connection.writesBefore = connection.writes();
                connection.unreadSince = nanoTime.getAsLong();
            }
            while (unreadBytes() > maxUnread) {
                Connection slowest = unread.iterator().next();
                forget(slowest);
                victims.add(slowest);
            }
        }
        victims.forEach(closed -> close(closed, "unread"));
    }

    /** Closes connections whose time limit has expired. */
    void sweep() {
        List<Connection> heads;
        List<Connection> rests;
        List<Connection> readers;
        synchronized (this) {
            heads = takeOlder(byState.get(State.HEAD), connection -> connection.since, HEAD_TIMEOUT);
            rests = takeOlder(byState.get(State.REST), connection -> connection.since, REST_TIMEOUT);
            List.copyOf(unread).forEach(this::noteProgress);
            readers = takeOlder(unread, connection -> connection.unreadSince, READER_TIMEOUT);
        }
        heads.forEach(closed -> close(closed, "head-timeout"));
        rests.forEach(closed -> close(closed, "body-timeout"));
        readers.forEach(closed -> close(closed, "reader-timeout"));
    }

    /** Closes the connection of the client that has read nothing for the longest time, unless it read just now. */
    public void closeSlowestReader() {
        Optional<Connection> slowest;
        synchronized (this) {
            slowest = unread.stream()
                    .filter(connection -> isOlder(connection.unreadSince, GRACE))
                    .findFirst();
            slowest.ifPresent(this::forget);
        }
        slowest.ifPresent(closed -> close(closed, "memory"));
    }

    private List<Connection> takeOlder(Set<Connection> all, ToLongFunction<Connection> since, Duration age) {
        List<Connection> older = all.stream()
                .takeWhile(connection -> isOlder(since.applyAsLong(connection), age))
                .toList();
        older.forEach(this::forget);
        return older;
    }

    /** Moves a client that reads, however much is written meanwhile, to the end of the order in which clients are closed. */
    private void noteProgress(Connection connection) {
        long pending = connection.pending();
        int writes = connection.writes();
        if (pending < connection.unread || writes != connection.writesBefore) {
            unread.remove(connection);
            if (pending > 0) {
                unread.add(connection);
                connection.unreadSince = nanoTime.getAsLong();
            }
        }
        connection.unread = pending;
        connection.writesBefore = writes;
    }

    private boolean isOlder(long since, Duration age) {
        return nanoTime.getAsLong() - since > age.toNanos();
    }

    private void close(Connection connection, String reason) {
        meters.counter("conversations.connections.closed", "reason", reason).increment();
        if (throttle.permits()) {
            LOG.warnf(
                    "event=connection-closed reason=%s open=%d unread-bytes=%d: the service closes connections of clients that"
                            + " do not finish their requests or do not read their responses."
                            + " conversations_connections_closed_total counts them.",
                    reason, open(), unreadBytes());
        }
        connection.close();
    }

    synchronized int open() {
        return byState.values().stream().mapToInt(Set::size).sum();
    }

    synchronized long unreadBytes() {
        return unread.stream().mapToLong(Connection::pending).sum();
    }
}
