package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import io.smallrye.mutiny.Uni;

/** The memory that one request or response holds, until it is closed. */
public final class HeldMemory implements AutoCloseable {

    private final MemoryBudget budget;
    private final String caller;

    /** The following fields belong to {@link MemoryBudget} and are guarded by its lock. */
    long bytes;

    long revocableSince;
    Runnable revocation;
    boolean closed;

    public HeldMemory(MemoryBudget budget, String caller) {
        this.budget = budget;
        this.caller = caller;
    }

    String caller() {
        return caller;
    }

    /**
     * Reserves more memory. The item arrives on the Vert.x context of the subscriber. Fails with {@link ErrorCode#OVERLOADED} if
     * the budget of the process is exhausted. After {@link #close}, nothing is held.
     */
    public Uni<Void> reserve(long more) {
        return budget.reserve(this, more);
    }

    /** Reserves memory in place of all that is reserved so far. Fails like {@link #reserve}. */
    public Uni<Void> replace(long bytes) {
        return Uni.createFrom().deferred(() -> {
            release();
            return reserve(bytes);
        });
    }

    /**
     * Declares that a slow client is the reason why the memory is held. If requests wait, the budget may run {@code revoke}
     * once, on any thread; it has to end the client's request, which closes this. Null withdraws the declaration.
     */
    void revocable(Runnable revoke) {
        budget.revocable(this, revoke);
    }

    /** Releases all that is reserved. */
    public void release() {
        budget.release(this, false);
    }

    /** Releases all that is reserved, and ignores later reservations. */
    @Override
    public void close() {
        budget.release(this, true);
    }
}
