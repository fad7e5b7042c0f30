package consulting.lmx.conversation.api;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;

/** Wakes the one who waits; a call that comes while nobody waits is kept for the next who does. */
final class Wake {

    private boolean called;
    private UniEmitter<? super Void> waiting;

    void call() {
        UniEmitter<? super Void> woken;
        synchronized (this) {
            woken = waiting;
            waiting = null;
            called = woken == null;
        }
        if (woken != null) {
            woken.complete(null);
        }
    }

    /** Comes with the next call, or at once where there was one since the last. */
    Uni<Void> next() {
        return Uni.createFrom().emitter(emitter -> {
            synchronized (this) {
                if (!called) {
                    waiting = emitter;
                    return;
                }
                called = false;
            }
            emitter.complete(null);
        });
    }
}
