package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;
import jakarta.ws.rs.GET;

/** Applies {@link Admission}, {@link CallTimeout} and {@link ReadBarrier} to the routes that are {@link Limited}. */
@Limited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestLimits {

    private final Admission admission;
    private final CallTimeout timeout;
    private final ReadBarrier barrier;
    private final Caller caller;
    private final CurrentVertxRequest request;

    RequestLimits(
            Admission admission, CallTimeout timeout, ReadBarrier barrier, Caller caller, CurrentVertxRequest request) {
        this.admission = admission;
        this.timeout = timeout;
        this.barrier = barrier;
        this.caller = caller;
        this.request = request;
    }

    @AroundInvoke
    Object limit(InvocationContext call) throws Exception {
        String id = caller.id();
        RoutingContext current = request.getCurrent();
        admission.enter(id);
        Connection.works(current, true);
        Runnable leave = () -> {
            Connection.works(current, false);
            admission.leave(id);
        };
        Uni<?> response;
        try {
            response = (Uni<?>) call.proceed();
        } catch (Throwable failure) {
            leave.run();
            throw failure;
        }
        Uni<?> confirmed =
                call.getMethod().isAnnotationPresent(GET.class) ? barrier.read(response) : barrier.write(response);
        return timeout.of(confirmed).onTermination().invoke(leave);
    }
}
