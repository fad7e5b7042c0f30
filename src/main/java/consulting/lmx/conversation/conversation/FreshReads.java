package consulting.lmx.conversation.conversation;

import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.interceptor.AroundInvoke;
import jakarta.interceptor.Interceptor;
import jakarta.interceptor.InvocationContext;
import jakarta.ws.rs.GET;

/** Puts what routes read under {@link PrimaryLease}; within the limits of a call, which end its waits too. */
@Fresh
@Interceptor
@Priority(Interceptor.Priority.APPLICATION + 1)
public class FreshReads {

    private final PrimaryLease primary;

    FreshReads(PrimaryLease primary) {
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
