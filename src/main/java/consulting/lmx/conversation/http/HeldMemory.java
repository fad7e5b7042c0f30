package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.MemoryBudget.Reservation;
import consulting.lmx.conversation.problem.ErrorCode;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;

/** The memory that one request or response holds, until it is closed. */
public final class HeldMemory implements AutoCloseable {

    private final MemoryBudget budget;
    private final String caller;
    private final List<Reservation> held = new ArrayList<>();
    private boolean closed;

    public HeldMemory(MemoryBudget budget, String caller) {
        this.budget = budget;
        this.caller = caller;
    }

    /** Reserves more memory. Fails with {@link ErrorCode#OVERLOADED} if the budget of the process is exhausted. */
    public Uni<Void> reserve(long bytes) {
        return budget.reserve(caller, bytes).invoke(this::hold).replaceWithVoid();
    }

    private synchronized void hold(Reservation reservation) {
        held.add(reservation);
        if (closed) {
            release();
        }
    }

    /** Declares whether a slow client is the reason why the memory is held; see {@link Reservation#revocable}. */
    synchronized void revocable(Runnable revoke) {
        held.forEach(reservation -> reservation.revocable(revoke));
    }

    /** Releases all reservations. */
    public synchronized void release() {
        held.forEach(Reservation::close);
        held.clear();
    }

    /** Releases all reservations, and every later one at once. */
    @Override
    public synchronized void close() {
        closed = true;
        release();
    }
}
