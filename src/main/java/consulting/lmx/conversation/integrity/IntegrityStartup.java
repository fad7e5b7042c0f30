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
 * Starts the check when the process starts, and retries it until it succeeds. It does not block the start: the port opens at
 * once, probes are answered, and {@link IntegrityGate} rejects other requests until the check has succeeded.
 */
@ApplicationScoped
public class IntegrityStartup {

    private static final Logger LOG = Logger.getLogger(IntegrityStartup.class);

    private final Instance<IntegrityService> service;
    private final IntegrityConfig config;
    private final RetentionConfig retention;
    private final ServiceConfig process;
    private volatile Cancellable check = () -> {};

    IntegrityStartup(
            Instance<IntegrityService> service,
            IntegrityConfig config,
            RetentionConfig retention,
            ServiceConfig process) {
        this.service = service;
        this.config = config;
        this.retention = retention;
        this.process = process;
    }

    void onStart(@Observes StartupEvent event) {
        if (!process.serve()) {
            return;
        }
        boolean changesDatabase =
                config.validator().isPresent() || retention.retention().isPresent();
        if (changesDatabase && config.onStart() != IntegrityConfig.Mode.REPAIR) {
            LOG.warnf(
                    "event=settings-not-applied conversations.integrity.on-start=%s: the service changes neither the validator"
                            + " nor the retention index, although a setting names them; run heal with the same settings",
                    config.onStart());
        }
        if (config.onStart() == IntegrityConfig.Mode.OFF) {
            LOG.warn(
                    "event=unchecked conversations.integrity.on-start=off: the service checked nothing, so documents may"
                            + " lack a sessionId and inserts of other programs may fail; set it to repair or verify");
            service.get().state().unchecked();
        } else {
            check = untilVerified()
                    .subscribe()
                    .with(
                            report -> {},
                            failure -> LOG.error(
                                    "event=integrity-ended: the check has a defect; restart the process", failure));
        }
    }

    private Uni<IntegrityReport> untilVerified() {
        return service.get()
                .run()
                .onFailure()
                .retry()
                .when(failures -> failures.onItem().transformToUniAndConcatenate(failure -> {
                    Duration wait = service.get().failed(failure);
                    LOG.errorf(
                            "event=integrity-check-failed reason=\"%s\" retry-in=%s",
                            IntegrityService.reasonOf(failure), wait);
                    return Uni.createFrom().item(failure).onItem().delayIt().by(wait);
                }));
    }

    /** Ends the run. The server completes the batches in flight, and the next start continues. */
    void onStop(@Observes ShutdownEvent event) {
        check.cancel();
    }
}
