package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;

/**
 * Bounds how long a caller waits for the database. The driver itself waits without end for a server that keeps a connection
 * open and sends nothing. The database may still carry out what was sent to it.
 */
@ApplicationScoped
public class CallTimeout {

    private final Duration timeout;

    CallTimeout(RequestConfig config) {
        this.timeout = config.timeout();
    }

    /** Fails with {@link ErrorCode#DATABASE_UNAVAILABLE} if no item arrives within {@link RequestConfig#timeout()}. */
    public <T> Uni<T> of(Uni<T> call) {
        return call.ifNoItem()
                .after(timeout)
                .failWith(() -> new ServiceException(
                        ErrorCode.DATABASE_UNAVAILABLE, "The database did not answer in time. Try again later."));
    }
}
