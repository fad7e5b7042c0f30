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
        return budget.reserve(caller, bytes, this::hold).replaceWithVoid();
    }

    /** Reserves memory in place of all that is reserved so far. Fails like {@link #reserve}. */
    public Uni<Void> replace(long bytes) {
        return Uni.createFrom().deferred(() -> {
            release();
            return reserve(bytes);
        });
    }

    private void hold(Reservation reservation) {
        boolean late;
        synchronized (this) {
            late = closed;
            if (!late) {
                held.add(reservation);
            }
        }
        if (late) {
            reservation.close();
        }
    }

    /** Declares whether a slow client is the reason why the memory is held; see {@link Reservation#revocable}. */
    void revocable(Runnable revoke) {
        copy().forEach(reservation -> reservation.revocable(revoke));
    }

    private synchronized List<Reservation> copy() {
        return List.copyOf(held);
    }

    /** Releases all reservations. */
    public void release() {
        List<Reservation> released;
        synchronized (this) {
            released = List.copyOf(held);
            held.clear();
        }
        // Outside of the lock: closing grants memory to others, who take their own locks.
        released.forEach(Reservation::close);
    }

    /** Releases all reservations, and every later one at once. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        release();
    }
}
