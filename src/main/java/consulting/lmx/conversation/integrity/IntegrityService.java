package consulting.lmx.conversation.integrity;

import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.Host;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.RunHistory;
import consulting.lmx.conversation.integrity.engine.RunView;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.ServerClock;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Runs the check of the invariant, one at a time, and keeps what is known of it. */
@ApplicationScoped
public class IntegrityService {

    private static final Logger LOG = Logger.getLogger(IntegrityService.class);

    /** What the last run that came to an end has found, and when. */
    private record Verified(Instant at, IntegrityReport report) {}

    private final ReactiveMongoClient client;
    private final String databaseName;
    private final Invariant invariant;
    private final IntegrityConfig config;
    private final Event<IntegrityReport> verified;
    private final IntegrityMetrics metrics;
    private final ServerClock serverClock;
    private final Clock clock = Clock.systemUTC();
    private final Instant startedAt = clock.instant();
    private final Capabilities capabilities = new Capabilities();
    private final IntegrityState state;
    private volatile RunProgress progress;
    private volatile DryRun rehearsal;
    private volatile Verified lastVerified;
    private volatile Throwable lastFailure;

    IntegrityService(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName,
            Invariant invariant,
            IntegrityConfig config,
            Event<IntegrityReport> verified,
            IntegrityMetrics metrics,
            ServerClock serverClock) {
        this.client = client;
        this.databaseName = databaseName;
        this.invariant = invariant;
        this.config = config;
        this.verified = verified;
        this.metrics = metrics;
        this.serverClock = serverClock;
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

    /** All that is known, now. */
    IntegrityView view() {
        IntegrityState.Snapshot now = state.snapshot();
        Verified last = lastVerified;
        return new IntegrityView(
                now.status(),
                now.open(),
                now.since(),
                now.reason().orElse(null),
                progress().map(IntegrityView.ProgressView::of).orElse(null),
                metrics.generated(),
                startedAt,
                rehearsal,
                last == null ? null : last.at(),
                last == null ? null : last.report());
    }

    /** One run in the configured mode, from the first step to the last; the state follows it. */
    Uni<IntegrityReport> run() {
        return Uni.createFrom().deferred(() -> {
            state.running();
            progress = new RunProgress(UUID.randomUUID().toString(), serverClock.instant(), invariant, metrics::healed);
            IntegrityRun run = newRun(progress);
            LOG.infof("event=run-started run=%s mode=%s", progress.run(), config.onStart());
            return serverClock
                    .measure()
                    .chain(() -> state.snapshot().open() ? run.heal() : beforeTheTraffic(run))
                    .invoke(this::succeeded);
        });
    }

    private Uni<IntegrityReport> beforeTheTraffic(IntegrityRun run) {
        return config.onStart() == IntegrityConfig.Mode.VERIFY ? run.verify() : run.start();
    }

    /**
     * Heals now, beside the traffic: whatever comes of it, what is open stays open. Where a run is under way, that is the one.
     *
     * @return the run's id
     */
    synchronized String healNow() {
        if (state.snapshot().status() != IntegrityState.Status.RUNNING) {
            run().subscribe().with(report -> {}, this::failedBesideTheTraffic);
        }
        return progress.run();
    }

    /**
     * Looks at what a heal would find, and writes nothing; the state stays as it is. Where a rehearsal is under way, that is
     * the one.
     *
     * @return its id
     */
    synchronized String rehearseNow() {
        if (rehearsal == null || rehearsal.endedAt() != null) {
            RunProgress looked =
                    new RunProgress(UUID.randomUUID().toString(), clock.instant(), invariant, (defect, n) -> {});
            DryRun begun = DryRun.begun(looked.run(), looked.startedAt());
            rehearsal = begun;
            newRun(looked)
                    .look()
                    .subscribe()
                    .with(found -> rehearsal = begun.ended(clock.instant(), found), failure -> {
                        LOG.errorf("event=rehearsal-failed run=%s reason=\"%s\"", begun.run(), reasonOf(failure));
                        rehearsal = begun.failed(clock.instant(), reasonOf(failure));
                    });
        }
        return rehearsal.run();
    }

    /** What the newest {@code limit} runs of all processes did, newest first. */
    Uni<List<RunView>> runs(int limit) {
        return new RunHistory(database(), Host.NAME, serverClock).newest(limit);
    }

    private IntegrityRun newRun(RunProgress progress) {
        return new IntegrityRun(
                database(),
                invariant,
                HealSettings.of(config.validator(), config.batchSize(), config.maxRate()),
                progress,
                capabilities,
                serverClock);
    }

    private MongoDatabase database() {
        return client.unwrap().getDatabase(databaseName);
    }

    /** Why a run failed, in words that say what to do where a person has to act. */
    static String reasonOf(Throwable failure) {
        return failure instanceof IntegrityException
                ? failure.getMessage()
                : failure.getClass().getSimpleName() + ": " + failure.getMessage() + DriverFailure.remedy(failure);
    }

    /** What of the last failure anybody may read: no message of the driver, which names hosts. */
    String publicReason() {
        Throwable failure = lastFailure;
        return failure == null || failure instanceof IntegrityException
                ? state.snapshot().reason().orElse("")
                : failure.getClass().getSimpleName();
    }

    /**
     * The run under way has failed.
     *
     * @return how long the next one waits
     */
    Duration failed(Throwable failure) {
        lastFailure = failure;
        return state.failed(reasonOf(failure));
    }

    private void failedBesideTheTraffic(Throwable failure) {
        failed(failure);
        LOG.errorf("event=failed reason=\"%s\": the service stays open", reasonOf(failure));
    }

    private void succeeded(IntegrityReport found) {
        lastVerified = new Verified(clock.instant(), found);
        state.verified();
        LOG.infof(
                "event=verified run=%s healed=%d seconds=%.2f indexes=%s validator=%s",
                found.run(), found.healed(), found.seconds(), found.indexes(), found.validator());
        verified.fire(found);
    }
}
