package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.security.ServiceConfig;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import java.time.Duration;
import org.jboss.logging.Logger;

/**
 * Begins the check when the process starts, without blocking it: the port opens at once, probes are answered, and the gate
 * keeps everything else out until the state is open. Decides order and retry only.
 */
@ApplicationScoped
public class IntegrityStartup {

    private static final Logger LOG = Logger.getLogger(IntegrityStartup.class);

    private final Instance<IntegrityService> service;
    private final IntegrityConfig config;
    private final ServiceConfig process;
    private volatile Cancellable underWay = () -> {};

    IntegrityStartup(Instance<IntegrityService> service, IntegrityConfig config, ServiceConfig process) {
        this.process = process;
        this.service = service;
        this.config = config;
    }

    void onStart(@Observes StartupEvent event) {
        if (!process.serve()) {
            return;
        }
        if (config.onStart() == IntegrityConfig.Mode.OFF) {
            LOG.warn("event=unchecked conversations.integrity.on-start=off: nothing was checked, so documents without a"
                    + " sessionId may be there and inserts of other programs may fail;"
                    + " set it to repair or verify to be sure");
            service.get().state().unchecked();
        } else {
            underWay = untilVerified().subscribe().with(done -> {}, this::gaveUp);
        }
    }

    private Uni<IntegrityReport> untilVerified() {
        return service.get().run().onFailure().recoverWithUni(failure -> {
            Duration wait = service.get().failed(failure);
            LOG.errorf("event=failed reason=\"%s\" retry-in=%s", IntegrityService.reasonOf(failure), wait);
            return Uni.createFrom().voidItem().onItem().delayIt().by(wait).chain(this::untilVerified);
        });
    }

    private void gaveUp(Throwable failure) {
        LOG.error("event=integrity-ended: the check ended by a fault of its own; restart the process", failure);
    }

    /** Ends the run: batches that were sent come to their end at the server, and the next start goes on. */
    void onStop(@Observes ShutdownEvent event) {
        underWay.cancel();
    }
}
