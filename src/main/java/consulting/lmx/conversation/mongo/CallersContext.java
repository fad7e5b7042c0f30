package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.MutinyHelper;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/** Returns results of the driver on the Vert.x context of the caller: the driver completes them on its own threads. */
public final class CallersContext {

    private CallersContext() {}

    /** {@code result}, emitted on the context of its subscriber, if there is one. Quarkus does so only for calls without options. */
    public static <T> Uni<T> keep(Uni<T> result) {
        return Uni.createFrom().deferred(() -> {
            Context context = Vertx.currentContext();
            return context == null ? result : result.emitOn(MutinyHelper.executor(context));
        });
    }
}
