package consulting.lmx.conversation.store;

import io.smallrye.mutiny.Uni;

/** Reserves memory for what is about to be read. */
@FunctionalInterface
public interface Memory {

    /** Completes when this many bytes may be read. */
    Uni<Void> reserve(long bytes);
}
