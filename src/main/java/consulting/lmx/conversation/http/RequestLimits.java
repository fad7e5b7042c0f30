package consulting.lmx.conversation.http;

import consulting.lmx.conversation.security.Caller;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;

/** Takes a call if there is a place for it, and ends the wait of its caller by {@link CallTimeout}. */
@Limited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestLimits {

    private final Admission admission;
    private final CallTimeout limit;
    private final Caller caller;

    RequestLimits(Admission admission, CallTimeout limit, Caller caller) {
        this.admission = admission;
        this.limit = limit;
        this.caller = caller;
    }

    @AroundInvoke
    Object limit(InvocationContext call) throws Exception {
        if (!Uni.class.isAssignableFrom(call.getMethod().getReturnType())) {
            return call.proceed();
        }
        String id = caller.id();
        admission.enter(id);
        Uni<?> answer;
        try {
            answer = (Uni<?>) call.proceed();
        } catch (Throwable refused) {
            admission.leave(id);
            throw refused;
        }
        return limit.of(answer).onTermination().invoke(() -> admission.leave(id));
    }
}
