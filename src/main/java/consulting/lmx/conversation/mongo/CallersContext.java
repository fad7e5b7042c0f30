package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.MutinyHelper;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/** Brings what the driver answers back to the Vert.x context of the caller: it answers on threads of its own. */
public final class CallersContext {

    private CallersContext() {}

    /** The same, on the context that it is subscribed on, if there is one. Quarkus does so for calls without options alone. */
    public static <T> Uni<T> keep(Uni<T> answer) {
        return Uni.createFrom().deferred(() -> {
            Context context = Vertx.currentContext();
            return context == null ? answer : answer.emitOn(MutinyHelper.executor(context));
        });
    }
}
