package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.ServerClock;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.ObjLongConsumer;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Runs the check of the invariant, one run at a time, and holds its state, its last report and its metrics. */
@ApplicationScoped
public class IntegrityService {

    private static final Logger LOG = Logger.getLogger(IntegrityService.class);

    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
    private static final Duration MAX_RETRY = Duration.ofSeconds(5);

    /** The last successful run. */
    private record Verified(Instant at, IntegrityReport report) {}

    private final ReactiveMongoClient client;
    private final String databaseName;
    private final Invariant invariant;
    private final IntegrityConfig config;
    private final Event<IntegrityReport> verified;
    private final MeterRegistry meters;
    private final ServerClock serverClock;
    private final Clock clock = Clock.systemUTC();
    private final Instant startedAt = clock.instant();
    private final Capabilities capabilities = new Capabilities();
    private final IntegrityState state = new IntegrityState(clock, FIRST_RETRY, MAX_RETRY);
    private volatile RunProgress progress;
    private volatile DryRun dryRun;
    private volatile Verified lastVerified;
    private volatile Throwable lastFailure;

    IntegrityService(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName,
            Invariant invariant,
            IntegrityConfig config,
            Event<IntegrityReport> verified,
            MeterRegistry meters,
            ServerClock serverClock) {
        this.client = client;
        this.databaseName = databaseName;
        this.invariant = invariant;
        this.config = config;
        this.verified = verified;
        this.meters = meters;
        this.serverClock = serverClock;
        registerMetrics();
    }

    private void registerMetrics() {
        for (IntegrityState.Status status : IntegrityState.Status.values()) {
            Gauge.builder(
                            "conversations.integrity.state",
                            state,
                            s -> s.snapshot().status() == status ? 1 : 0)
                    .description("1 for the current state of the check")
                    .tag("state", status.name())
                    .register(meters);
        }
        Gauge.builder(
                        "conversations.integrity.remaining",
                        () -> progress().map(RunProgress::remaining).orElse(0L))
                .description("Broken keys that were counted and are not healed yet")
                .register(meters);
        for (Defect defect : Defect.values()) {
            countHealed(defect, 0);
        }
    }

    private void countHealed(Defect defect, long n) {
        meters.counter("conversations.integrity.healed", "reason", defect.word())
                .increment(n);
    }

    /** The state machine of this process. */
    public IntegrityState state() {
        return state;
    }

    /** The progress of the current or last run. */
    Optional<RunProgress> progress() {
        return Optional.ofNullable(progress);
    }

    /** The current state, progress and last report. */
    IntegrityView view() {
        IntegrityState.Snapshot now = state.snapshot();
        Optional<Verified> last = Optional.ofNullable(lastVerified);
        return new IntegrityView(
                now.status(),
                now.open(),
                now.since(),
                now.reason().orElse(null),
                progress().map(IntegrityView.ProgressView::of).orElse(null),
                generated(),
                startedAt,
                dryRun,
                last.map(Verified::at).orElse(null),
                last.map(Verified::report).orElse(null));
    }

    /** The counters that the layers increment when they generate a missing sessionId, by layer. */
    private Map<String, Long> generated() {
        return meters.find("conversations.session.id.generated").counters().stream()
                .collect(Collectors.toMap(
                        counter -> counter.getId().getTag("layer"), counter -> (long) counter.count(), Long::sum));
    }

    /** Does one run in the configured mode. The state follows a success; the caller reports a failure to {@link #failed}. */
    Uni<IntegrityReport> run() {
        return Uni.createFrom().deferred(() -> {
            state.running();
            progress = newProgress(this::countHealed);
            IntegrityRun run = newRun(progress);
            LOG.infof("event=run-started run=%s mode=%s", progress.run(), config.onStart());
            return serverClock
                    .measure()
                    .chain(() -> state.snapshot().open() ? run.heal() : runBeforeOpening(run))
                    .invoke(this::succeeded);
        });
    }

    private Uni<IntegrityReport> runBeforeOpening(IntegrityRun run) {
        return config.onStart() == IntegrityConfig.Mode.VERIFY ? run.verify() : run.start();
    }

    /**
     * Starts a heal unless a run is in progress. The service stays open, whatever the result is.
     *
     * @return the id of the running run
     */
    synchronized String healNow() {
        if (state.snapshot().status() != IntegrityState.Status.RUNNING) {
            run().subscribe().with(report -> {}, failure -> {
                failed(failure);
                LOG.errorf("event=heal-failed reason=\"%s\": the service stays open", reasonOf(failure));
            });
        }
        return progress.run();
    }

    /**
     * Starts a dry run, unless one is running. It does not change the state.
     *
     * @return the id of the running dry run
     */
    synchronized String dryRunNow() {
        if (dryRun == null || dryRun.endedAt() != null) {
            RunProgress counts = newProgress((defect, n) -> {});
            dryRun = new DryRun(counts.run(), counts.startedAt(), null, null, null);
            newRun(counts).dryRun().subscribe().with(report -> endDryRun(counts, null, report), failure -> {
                LOG.errorf("event=dry-run-failed run=%s reason=\"%s\"", counts.run(), reasonOf(failure));
                endDryRun(counts, reasonOf(failure), null);
            });
        }
        return dryRun.run();
    }

    private void endDryRun(RunProgress counts, String reason, IntegrityReport report) {
        dryRun = new DryRun(counts.run(), counts.startedAt(), clock.instant(), reason, report);
    }

    private RunProgress newProgress(ObjLongConsumer<Defect> onHealed) {
        return new RunProgress(UUID.randomUUID().toString(), serverClock.instant(), invariant, onHealed);
    }

    private IntegrityRun newRun(RunProgress progress) {
        return new IntegrityRun(
                client.unwrap().getDatabase(databaseName),
                invariant,
                HealSettings.of(config.validator(), config.batchSize(), config.maxRate()),
                progress,
                capabilities,
                serverClock);
    }

    /** Why a run failed, and what to do about it. */
    static String reasonOf(Throwable failure) {
        return failure instanceof IntegrityException
                ? failure.getMessage()
                : failure.getClass().getSimpleName() + ": " + failure.getMessage() + DriverFailure.remedy(failure);
    }

    /** Why the last run failed, without the driver's message, which names hosts. */
    String publicReason() {
        Throwable failure = lastFailure;
        return failure == null || failure instanceof IntegrityException
                ? state.snapshot().reason().orElse("")
                : failure.getClass().getSimpleName();
    }

    /**
     * The current run failed.
     *
     * @return how long to wait before the next run
     */
    Duration failed(Throwable failure) {
        lastFailure = failure;
        return state.failed(reasonOf(failure));
    }

    private void succeeded(IntegrityReport report) {
        lastVerified = new Verified(clock.instant(), report);
        state.verified();
        LOG.infof(
                "event=verified run=%s healed=%d seconds=%.2f indexes=%s validator=%s",
                report.run(), report.healed(), report.seconds(), report.indexes(), report.validator());
        verified.fire(report);
    }
}
