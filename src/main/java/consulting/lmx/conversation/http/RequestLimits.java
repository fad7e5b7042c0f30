package consulting.lmx.conversation.http;

import consulting.lmx.conversation.security.Caller;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;

/** Applies {@link Admission} and {@link CallTimeout} to the routes that are {@link Limited} and return a {@link Uni}. */
@Limited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestLimits {

    private final Admission admission;
    private final CallTimeout timeout;
    private final Caller caller;

    RequestLimits(Admission admission, CallTimeout timeout, Caller caller) {
        this.admission = admission;
        this.timeout = timeout;
        this.caller = caller;
    }

    @AroundInvoke
    Object limit(InvocationContext call) throws Exception {
        if (!Uni.class.isAssignableFrom(call.getMethod().getReturnType())) {
            return call.proceed();
        }
        String id = caller.id();
        admission.enter(id);
        Uni<?> response;
        try {
            response = (Uni<?>) call.proceed();
        } catch (Throwable failure) {
            admission.leave(id);
            throw failure;
        }
        return timeout.of(response).onTermination().invoke(() -> admission.leave(id));
    }
}
