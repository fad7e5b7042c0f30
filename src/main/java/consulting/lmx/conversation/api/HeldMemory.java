package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.store.MessageReader.Memory;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;

/** The memory of one reply, until the caller has received it or closed the connection. */
final class HeldMemory implements Memory, AutoCloseable {

    private final MemoryBudget budget;
    private final String caller;
    private final List<MemoryBudget.Reservation> held = new ArrayList<>();
    private boolean closed;

    HeldMemory(MemoryBudget budget, String caller) {
        this.budget = budget;
        this.caller = caller;
    }

    @Override
    public Uni<Void> reserve(long bytes) {
        return budget.reserve(caller, bytes).invoke(this::hold).replaceWithVoid();
    }

    private synchronized void hold(MemoryBudget.Reservation reservation) {
        held.add(reservation);
        if (closed) {
            release();
        }
    }

    /** Releases all reservations. */
    synchronized void release() {
        held.forEach(MemoryBudget.Reservation::close);
        held.clear();
    }

    /** Releases all reservations, and every later one at once. */
    @Override
    public synchronized void close() {
        closed = true;
        release();
    }
}
