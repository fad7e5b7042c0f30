package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;

/**
 * Ends the wait for a database that does not answer, which the driver does not: it reads from a connection that has gone
 * silent for as long as that is open. What was sent to the database may still come to be.
 */
@ApplicationScoped
public class CallTimeout {

    private final Duration timeout;

    CallTimeout(RequestConfig config) {
        this.timeout = config.timeout();
    }

    /** Fails with {@link ErrorCode#DATABASE_UNAVAILABLE} where {@link RequestConfig#timeout()} is over before there is an item. */
    public <T> Uni<T> of(Uni<T> waiting) {
        return waiting.ifNoItem()
                .after(timeout)
                .failWith(() -> new ServiceException(
                        ErrorCode.DATABASE_UNAVAILABLE,
                        "The database has not answered in time. Try again a little later."));
    }
}
