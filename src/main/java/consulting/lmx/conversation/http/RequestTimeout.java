package consulting.lmx.conversation.http;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;

/** Ends the wait of a caller for a database that does not answer. What was sent to it may still come to be. */
@TimeLimited
@Interceptor
@Priority(Interceptor.Priority.APPLICATION)
public class RequestTimeout {

    private final RequestConfig config;

    RequestTimeout(RequestConfig config) {
        this.config = config;
    }

    @AroundInvoke
    Object limit(InvocationContext call) throws Exception {
        Object answer = call.proceed();
        return answer instanceof Uni<?> waiting ? limited(waiting) : answer;
    }

    /** Fails with {@link ErrorCode#DATABASE_UNAVAILABLE} where the time is over before there is an item. */
    <T> Uni<T> limited(Uni<T> waiting) {
        return waiting.ifNoItem()
                .after(config.timeout())
                .failWith(() -> new ServiceException(
                        ErrorCode.DATABASE_UNAVAILABLE,
                        "The database has not answered in time. Try again a little later."));
    }
}
