package consulting.lmx.conversation.http;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;
import java.time.Duration;

/**
 * Takes a call where there is room for it, and ends the wait of its caller for a database that does not answer. What was sent
 * to the database may still come to be.
 */
@Limited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestLimits {

    private final Admission admission;
    private final Duration timeout;

    RequestLimits(Admission admission, RequestConfig config) {
        this.admission = admission;
        this.timeout = config.timeout();
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
        return limited(answer).onTermination().invoke(admission::leave);
    }

    /** Fails with {@link ErrorCode#DATABASE_UNAVAILABLE} where the time is over before there is an item. */
    <T> Uni<T> limited(Uni<T> waiting) {
        return waiting.ifNoItem()
                .after(timeout)
                .failWith(() -> new ServiceException(
                        ErrorCode.DATABASE_UNAVAILABLE,
                        "The database has not answered in time. Try again a little later."));
    }
}
