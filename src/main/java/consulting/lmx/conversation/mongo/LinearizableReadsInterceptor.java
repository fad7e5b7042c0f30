package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;
import jakarta.ws.rs.GET;

/** Puts routes behind the {@link ReadBarrier}, within the time limit of a call. */
@LinearizableReads
@Interceptor
@Priority(Interceptor.Priority.APPLICATION + 1)
public class LinearizableReadsInterceptor {

    private final ReadBarrier barrier;

    LinearizableReadsInterceptor(ReadBarrier barrier) {
        this.barrier = barrier;
    }

    @AroundInvoke
    Object apply(InvocationContext call) throws Exception {
        Object result = call.proceed();
        if (!(result instanceof Uni<?> uni)) {
            return result;
        }
        return call.getMethod().isAnnotationPresent(GET.class) ? barrier.read(uni) : barrier.write(uni);
    }
}
