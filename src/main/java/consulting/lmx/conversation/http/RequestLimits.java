package consulting.lmx.conversation.http;

import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;

/** Takes a call where there is room for it, and ends the wait of its caller by {@link AnswerLimit}. */
@Limited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestLimits {

    private final Admission admission;
    private final AnswerLimit limit;

    RequestLimits(Admission admission, AnswerLimit limit) {
        this.admission = admission;
        this.limit = limit;
    }

    @AroundInvoke
    Object limit(InvocationContext call) throws Exception {
        if (!Uni.class.isAssignableFrom(call.getMethod().getReturnType())) {
            return call.proceed();
        }
        admission.enter();
        Uni<?> answer;
        try {
            answer = (Uni<?>) call.proceed();
        } catch (Throwable refused) {
            admission.leave();
            throw refused;
        }
        return limit.of(answer).onTermination().invoke(admission::leave);
    }
}
