package consulting.lmx.conversation.mongo;

import com.mongodb.MongoException;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import org.jboss.logging.Logger;

/**
 * Logs failures of operations that nobody waits for, because the caller disconnected or the time ran out. The database may
 * reject such an operation at any time, so that is one line without a stack trace. Any other failure may be a defect.
 */
@ApplicationScoped
class AbandonedOperations {

    private static final Logger LOG = Logger.getLogger(AbandonedOperations.class);

    void onStart(@Observes StartupEvent event) {
        Infrastructure.setDroppedExceptionHandler(AbandonedOperations::log);
    }

    private static void log(Throwable failure) {
        if (failure instanceof MongoException rejected) {
            LOG.infof(
                    "event=abandoned-operation-failed code=%d class=%s",
                    rejected.getCode(), rejected.getClass().getName());
        } else {
            LOG.error("event=failure-dropped", failure);
        }
    }
}
