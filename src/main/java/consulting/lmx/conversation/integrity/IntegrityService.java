package consulting.lmx.conversation.integrity;

import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Clock;
import java.util.Optional;
import java.util.UUID;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Runs the check of the invariant, one at a time, and keeps what is known of it. */
@ApplicationScoped
public class IntegrityService {

    private static final Logger LOG = Logger.getLogger(IntegrityService.class);

    private final ReactiveMongoClient client;
    private final String databaseName;
    private final Invariant invariant;
    private final IntegrityConfig config;
    private final Event<IntegrityReport> verified;
    private final IntegrityMetrics metrics;
    private final Clock clock = Clock.systemUTC();
    private final Capabilities capabilities = new Capabilities();
    private final IntegrityState state;
    private volatile RunProgress progress;
    private volatile IntegrityReport report;

    IntegrityService(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName,
            Invariant invariant,
            IntegrityConfig config,
            Event<IntegrityReport> verified,
            IntegrityMetrics metrics) {
        this.client = client;
        this.databaseName = databaseName;
        this.invariant = invariant;
        this.config = config;
        this.verified = verified;
        this.metrics = metrics;
        this.state = new IntegrityState(clock, config.retryMin(), config.retryMax());
        metrics.show(state, this::progress);
    }

    /** The state machine of this process. */
    public IntegrityState state() {
        return state;
    }

    /** The run under way, or the last one. */
    Optional<RunProgress> progress() {
        return Optional.ofNullable(progress);
    }

    /** What the last run that came to an end has found. */
    Optional<IntegrityReport> report() {
        return Optional.ofNullable(report);
    }

    /** One run in the configured mode, from the first step to the last; the state follows it. */
    Uni<IntegrityReport> run() {
        return Uni.createFrom().deferred(() -> {
            state.running();
            progress = new RunProgress(UUID.randomUUID().toString(), clock.instant(), invariant, metrics::healed);
            IntegrityRun run = new IntegrityRun(
                    client.unwrap().getDatabase(databaseName),
                    invariant,
                    HealSettings.of(config),
                    progress,
                    capabilities,
                    clock);
            LOG.infof("event=run-started run=%s mode=%s", progress.run(), config.onStart());
            Uni<IntegrityReport> work = config.onStart() == IntegrityConfig.Mode.VERIFY
                            && !state.snapshot().open()
                    ? run.verify()
                    : run.heal();
            return work.invoke(this::succeeded);
        });
    }

    /**
     * Heals now, beside the traffic: whatever comes of it, what is open stays open. Where a run is under way, that is the one.
     *
     * @return the run's id
     */
    synchronized String healNow() {
        if (state.snapshot().status() != IntegrityState.Status.RUNNING) {
            run().subscribe().with(report -> {}, this::failed);
        }
        return progress.run();
    }

    /** Why a run failed, in words that say what to do where a person has to act. */
    static String reasonOf(Throwable failure) {
        return failure instanceof IntegrityException
                ? failure.getMessage()
                : failure.getClass().getSimpleName() + ": " + failure.getMessage();
    }

    private void failed(Throwable failure) {
        state.failed(reasonOf(failure));
        LOG.errorf("event=failed reason=\"%s\": the service stays open", reasonOf(failure));
    }

    private void succeeded(IntegrityReport found) {
        report = found;
        state.verified();
        LOG.infof(
                "event=verified run=%s healed=%d seconds=%.2f indexes=%s validator=%s",
                found.run(), found.healed(), found.seconds(), found.indexes(), found.validator());
        verified.fire(found);
    }
}
