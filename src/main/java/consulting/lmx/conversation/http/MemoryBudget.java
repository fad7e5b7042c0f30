package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.ConnectionLimits;
import consulting.lmx.conversation.mongo.CallersContext;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.BaseUnits;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Bounds the memory that callers make the process hold, as a whole: request bodies, pages, exports and events. It counts raw
 * bytes. They become up to five times as much heap (buffer, text, records, JSON), and half of the heap belongs to the service
 * itself, so the budget is a twelfth of the heap: a collector that runs out of space stops the process for longer.
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

    private static final int PART_OF_THE_HEAP = 12;

    private final long size;
    private final long share;
    private final long sizeForLarge;
    private final long small;
    private final Runnable lastResort;
    private final Counter rejected;
    private final Map<String, Long> heldByCaller = new HashMap<>();
    private final Set<Request> queue = new LinkedHashSet<>();
    private final Set<HeldMemory> revocable = new LinkedHashSet<>();
    private final Set<HeldMemory> revoked = new HashSet<>();
    private long held;

    private record Request(HeldMemory owner, long bytes, CompletableFuture<Void> granted) {}

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

    /** @see HeldMemory#reserve */
    Uni<Void> reserve(HeldMemory owner, long bytes) {
        return Uni.createFrom().deferred(() -> {
            Request request = new Request(owner, Math.max(1, Math.min(bytes, sizeForLarge)), new CompletableFuture<>());
            complete(enqueue(request));
            return request.granted().isDone() ? Uni.createFrom().voidItem() : await(request);
        });
    }

    private Uni<Void> await(Request request) {
        relieve();
        Infrastructure.getDefaultWorkerPool().schedule(this::relieve, GRACE.toMillis(), TimeUnit.MILLISECONDS);
        return CallersContext.keep(Uni.createFrom().completionStage(request.granted()))
                .ifNoItem()
                .after(WAIT)
                .failWith(this::overloaded)
                .onTermination()
                .invoke(() -> abandon(request));
    }

    private synchronized List<Request> enqueue(Request request) {
        queue.add(request);
        List<Request> granted = takeNext();
        if (queue.contains(request)
                && (queue.size() > MAX_WAITING || waiting(request.owner().caller()) > MAX_WAITING_OF_A_CALLER)) {
            queue.remove(request);
            throw overloaded();
        }
        return granted;
    }

    private long waiting(String caller) {
        return queue.stream()
                .filter(request -> request.owner().caller().equals(caller))
                .count();
    }

    /** Takes waiting requests in order. Only small ones overtake a large one that does not fit, so that it does not starve. */
    private List<Request> takeNext() {
        List<Request> taken = new ArrayList<>();
        boolean largeWaits = false;
        for (Request next : List.copyOf(queue)) {
            if (next.owner().closed || mayHold(next) && fits(next) && !(largeWaits && isLarge(next))) {
                queue.remove(next);
                take(next);
                taken.add(next);
            } else {
                largeWaits |= isLarge(next) && mayHold(next);
            }
        }
        return taken;
    }

    /** Whether the share of the caller permits the request. If not, requests of other callers overtake it. */
    private boolean mayHold(Request request) {
        long own = heldByCaller.getOrDefault(request.owner().caller(), 0L);
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

    private void take(Request request) {
        HeldMemory owner = request.owner();
        if (!owner.closed) {
            owner.bytes += request.bytes();
            held += request.bytes();
            heldByCaller.merge(owner.caller(), request.bytes(), Long::sum);
        }
    }

    /** Outside of the lock, because this continues the calls that waited. */
    private static void complete(List<Request> granted) {
        granted.forEach(request -> request.granted().complete(null));
    }

    private void abandon(Request request) {
        List<Request> granted;
        synchronized (this) {
            queue.remove(request);
            granted = takeNext();
        }
        complete(granted);
    }

    void release(HeldMemory memory, boolean close) {
        List<Request> granted;
        synchronized (this) {
            giveBack(memory, close);
            granted = takeNext();
        }
        complete(granted);
        relieve();
    }

    private void giveBack(HeldMemory memory, boolean close) {
        held -= memory.bytes;
        heldByCaller.computeIfPresent(
                memory.caller(), (caller, all) -> all == memory.bytes ? null : all - memory.bytes);
        memory.bytes = 0;
        memory.closed |= close;
        revocable.remove(memory);
        revoked.remove(memory);
    }

    synchronized void revocable(HeldMemory memory, Runnable revoke) {
        memory.revocation = revoke;
        if (revoke == null || memory.closed || revoked.contains(memory)) {
            revocable.remove(memory);
        } else if (revocable.add(memory)) {
            memory.revocableSince = System.nanoTime();
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
            long wanted = held + next.get().bytes() - limit(next.get());
            wanted -= revoked.stream().mapToLong(memory -> memory.bytes).sum();
            for (HeldMemory slow : slowest()) {
                if (wanted > 0) {
                    wanted -= slow.bytes;
                    revoked.add(slow);
                    revocable.remove(slow);
                    revocations.add(slow.revocation);
                }
            }
            if (wanted > 0) {
                revocations.add(lastResort);
            }
        }
        revocations.forEach(Runnable::run);
    }

    private List<HeldMemory> slowest() {
        long before = System.nanoTime() - GRACE.toNanos();
        return revocable.stream()
                .filter(slow -> slow.revocableSince - before < 0)
                .sorted(Comparator.comparing(slow -> -heldByCaller.get(slow.caller())))
                .toList();
    }

    ServiceException overloaded() {
        rejected.increment();
        return new ServiceException(ErrorCode.OVERLOADED, Admission.DETAIL);
    }

    private synchronized long held() {
        return held;
    }
}
