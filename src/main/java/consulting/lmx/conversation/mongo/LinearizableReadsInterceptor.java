package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;
import jakarta.ws.rs.GET;

/** Has what routes read, and refuse because of it, come from a {@link ReadBarrier}; within the limits of a call. */
@LinearizableReads
@Interceptor
@Priority(Interceptor.Priority.APPLICATION + 1)
public class LinearizableReadsInterceptor {

    private final ReadBarrier primary;

    LinearizableReadsInterceptor(ReadBarrier primary) {
        this.primary = primary;
    }

    @AroundInvoke
    Object fresh(InvocationContext call) throws Exception {
        Object answer = call.proceed();
        if (!(answer instanceof Uni<?> uni)) {
            return answer;
        }
        return call.getMethod().isAnnotationPresent(GET.class) ? primary.read(uni) : primary.write(uni);
    }
}
