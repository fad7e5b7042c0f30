package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.ConnectionLimits;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.BaseUnits;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.smallrye.mutiny.vertx.MutinyHelper;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Bounds the memory that callers make the process hold, as a whole: request bodies, pages, exports and events. It counts raw
 * bytes. They become up to five times as much heap (buffer, text, records, JSON), and half of the heap belongs to the service
 * itself, so the budget is a tenth of the heap.
 *
 * <p>A caller may hold a quarter of the budget, and more only while another quarter stays free. A reservation that does not
 * fit waits for {@link #WAIT} at most, in order of arrival. Small reservations have an eighth of the budget to themselves and
 * do not wait for large ones, so that ordinary calls overtake large ones.
 */
@ApplicationScoped
public class MemoryBudget {

    /** Maximum time that a reservation waits for others to be closed. */
    static final Duration WAIT = Duration.ofSeconds(2);

    /** Time that a client has to send or to read before the budget may revoke its reservation for waiting ones. */
    static final Duration GRACE = Duration.ofSeconds(1);

    /** Maximum of waiting reservations, because their calls hold places of {@link Admission}. */
    static final int MAX_WAITING = 64;

    /** The same for one caller. */
    static final int MAX_WAITING_OF_A_CALLER = 8;

    private static final int PART_OF_THE_HEAP = 10;

    private final long size;
    private final long share;
    private final long sizeForLarge;
    private final long small;
    private final Runnable lastResort;
    private final Counter rejected;
    private final Map<String, Long> heldByCaller = new HashMap<>();
    private final Set<Request> queue = new LinkedHashSet<>();
    private final Set<Reservation> revocable = new LinkedHashSet<>();
    private long held;
    private long revoked;

    @Inject
    MemoryBudget(ConnectionLimits connections, MeterRegistry meters) {
        this(Runtime.getRuntime().maxMemory() / PART_OF_THE_HEAP, connections::closeSlowestReader, meters);
    }

    MemoryBudget(long size, Runnable lastResort, MeterRegistry meters) {
        this.size = size;
        this.lastResort = lastResort;
        this.share = size / 4;
        this.sizeForLarge = size - size / 8;
        this.small = size / 64;
        Gauge.builder("conversations.memory.reserved", this, budget -> budget.held())
                .description("Bytes of request bodies and replies that the process holds")
                .baseUnit(BaseUnits.BYTES)
                .register(meters);
        this.rejected = Counter.builder("conversations.memory.rejected")
                .description("Reservations that were rejected because the memory budget was exhausted")
                .register(meters);
    }

    /**
     * Reserves {@code bytes} for {@code caller}. The owner receives the reservation as soon as it is granted, even if the
     * subscription is cancelled at that moment, and closes it in every case. The item arrives on the Vert.x context of the
     * subscriber. Fails with {@link ErrorCode#OVERLOADED} if the memory does not become free in time, or if too many reservations
     * wait already. A reservation larger than the budget is granted while hardly any other one is held.
     */
    public Uni<Reservation> reserve(String caller, long bytes, Consumer<Reservation> owner) {
        return Uni.createFrom().deferred(() -> {
            Request request =
                    new Request(caller, Math.max(1, Math.min(bytes, sizeForLarge)), owner, new CompletableFuture<>());
            if (submit(request)) {
                complete(List.of(request));
            }
            relieve();
            return request.granted().isDone()
                    ? Uni.createFrom().item(request.granted().join())
                    : await(request);
        });
    }

    private Uni<Reservation> await(Request request) {
        Infrastructure.getDefaultWorkerPool().schedule(this::relieve, GRACE.toMillis(), TimeUnit.MILLISECONDS);
        Uni<Reservation> granted = Uni.createFrom().completionStage(request.granted());
        Context context = Vertx.currentContext();
        return (context == null ? granted : granted.emitOn(MutinyHelper.executor(context)))
                .ifNoItem()
                .after(WAIT)
                .failWith(this::overloaded)
                .onTermination()
                .invoke((reservation, failure, cancelled) -> {
                    if (reservation == null) {
                        abandon(request);
                    }
                });
    }

    /** Whether the memory is granted at once. */
    private synchronized boolean submit(Request request) {
        if (mayHold(request) && fits(request) && queue.stream().noneMatch(first -> isBehind(request, first))) {
            take(request);
            return true;
        } else if (queue.size() < MAX_WAITING && waiting(request.caller()) < MAX_WAITING_OF_A_CALLER) {
            queue.add(request);
            return false;
        } else {
            throw overloaded();
        }
    }

    private long waiting(String caller) {
        return queue.stream().filter(request -> request.caller().equals(caller)).count();
    }

    /** Whether the share of the caller permits the request. If not, requests of other callers overtake it. */
    private boolean mayHold(Request request) {
        long own = heldByCaller.getOrDefault(request.caller(), 0L);
        return own == 0 || own + request.bytes() <= share || held + request.bytes() <= size - share;
    }

    private boolean fits(Request request) {
        return held + request.bytes() <= limit(request);
    }

    private long limit(Request request) {
        return isLarge(request) ? sizeForLarge : size;
    }

    private boolean isLarge(Request request) {
        return request.bytes() > small;
    }

    private boolean isBehind(Request request, Request first) {
        return mayHold(first) && (isLarge(request) || !isLarge(first));
    }

    private void take(Request request) {
        held += request.bytes();
        heldByCaller.merge(request.caller(), request.bytes(), Long::sum);
    }

    /** Takes waiting requests in order. Only small ones overtake a large one that does not fit, so that it does not starve. */
    private List<Request> takeNext() {
        List<Request> taken = new ArrayList<>();
        List<Request> blocked = new ArrayList<>();
        for (Request next : List.copyOf(queue)) {
            if (mayHold(next)) {
                if (fits(next) && blocked.stream().noneMatch(first -> isBehind(next, first))) {
                    queue.remove(next);
                    take(next);
                    taken.add(next);
                } else {
                    blocked.add(next);
                }
            }
        }
        return taken;
    }

    private void complete(List<Request> taken) {
        for (Request request : taken) {
            Reservation reservation = new Reservation(request);
            request.owner().accept(reservation);
            request.granted().complete(reservation);
        }
    }

    private void giveBack(Request request) {
        List<Request> taken;
        synchronized (this) {
            held -= request.bytes();
            heldByCaller.computeIfPresent(
                    request.caller(), (caller, all) -> all == request.bytes() ? null : all - request.bytes());
            taken = takeNext();
        }
        complete(taken);
        relieve();
    }

    private void abandon(Request request) {
        boolean waited;
        List<Request> taken;
        synchronized (this) {
            waited = queue.remove(request);
            taken = takeNext();
        }
        complete(taken);
        if (!waited) {
            request.granted().thenAccept(Reservation::close); // granted concurrently
        }
    }

    /**
     * Frees memory if requests wait: revokes the oldest reservations of slow clients, beginning with the caller that holds most.
     * If that is not enough, closes the connection of the slowest reader.
     */
    private void relieve() {
        List<Runnable> revocations = new ArrayList<>();
        synchronized (this) {
            Optional<Request> next = queue.stream().filter(this::mayHold).findFirst();
            if (next.isEmpty()) {
                return;
            }
            long wanted = held - revoked + next.get().bytes() - limit(next.get());
            for (Reservation slow : slowest()) {
                if (wanted > 0) {
                    wanted -= slow.request.bytes();
                    revocations.add(slow.beginRevocation());
                }
            }
            if (wanted > 0) {
                revocations.add(lastResort);
            }
        }
        revocations.forEach(Runnable::run);
    }

    private List<Reservation> slowest() {
        long before = System.nanoTime() - GRACE.toNanos();
        return revocable.stream()
                .filter(slow -> slow.revocableSince - before < 0)
                .sorted(Comparator.comparing(slow -> -heldByCaller.get(slow.request.caller())))
                .toList();
    }

    ServiceException overloaded() {
        rejected.increment();
        return new ServiceException(ErrorCode.OVERLOADED, Admission.DETAIL);
    }

    private synchronized long held() {
        return held;
    }

    private record Request(
            String caller, long bytes, Consumer<Reservation> owner, CompletableFuture<Reservation> granted) {}

    /** Memory that a caller holds until this is closed. */
    public final class Reservation implements AutoCloseable {

        private final Request request;
        private Runnable revocation;
        private long revocableSince;
        private boolean isRevoked;
        private boolean isClosed;

        private Reservation(Request request) {
            this.request = request;
        }

        /**
         * Declares that a slow client is the reason why the memory is held. If requests wait, the budget may run {@code revoke}
         * once, on any thread; it has to end the client's request, which closes this. Null withdraws the declaration.
         */
        void revocable(Runnable revoke) {
            synchronized (MemoryBudget.this) {
                revocation = revoke;
                if (revoke == null || isClosed || isRevoked) {
                    revocable.remove(this);
                } else if (revocable.add(this)) {
                    revocableSince = System.nanoTime();
                }
            }
        }

        private Runnable beginRevocation() {
            revocable.remove(this);
            isRevoked = true;
            revoked += request.bytes();
            return revocation;
        }

        /** Releases the memory. A second call does nothing. */
        @Override
        public void close() {
            synchronized (MemoryBudget.this) {
                if (isClosed) {
                    return;
                }
                isClosed = true;
                revocable.remove(this);
                revoked -= isRevoked ? request.bytes() : 0;
            }
            giveBack(request);
        }
    }
}
