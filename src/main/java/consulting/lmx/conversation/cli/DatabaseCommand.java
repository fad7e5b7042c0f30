package consulting.lmx.conversation.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.MongoSecurityException;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.ServerClock;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.runtime.ShutdownEvent;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import picocli.CommandLine;

/** What the commands that work on the database share: the run, how it is shown and stopped, its report and its exit code. */
@ApplicationScoped
public class DatabaseCommand {

    private static final Duration LAST_BATCH = Duration.ofSeconds(10);

    private final Instance<ReactiveMongoClient> client;
    private final Optional<String> connectionString;
    private final String databaseName;
    private final String selectionTimeout;
    private final Invariant invariant;
    private final ServerClock clock;
    private final ObjectMapper json;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile RunProgress progress;

    DatabaseCommand(
            Instance<ReactiveMongoClient> client,
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName,
            @ConfigProperty(name = "quarkus.mongodb.server-selection-timeout") String selectionTimeout,
            Invariant invariant,
            ServerClock clock,
            ObjectMapper json) {
        this.client = client;
        this.connectionString = connectionString;
        this.databaseName = databaseName;
        this.selectionTimeout = selectionTimeout;
        this.invariant = invariant;
        this.clock = clock;
        this.json = json;
    }

    /** Where the command works; a usage error where no server is named. */
    MongoDatabase database(CommandLine command) {
        requireServer(command);
        return client.get().unwrap().getDatabase(databaseName);
    }

    /** @throws CommandLine.ParameterException if no server is named */
    public void requireServer(CommandLine command) {
        if (connectionString.isEmpty()) {
            throw new CommandLine.ParameterException(
                    command, "MONGODB_URI is not set: set it to the connection string of the server");
        }
    }

    Invariant invariant() {
        return invariant;
    }

    /** Runs the work to its end and reports it; {@code broken} is the exit code where the invariant does not hold. */
    int run(
            MongoDatabase database,
            HealSettings settings,
            Function<IntegrityRun, Uni<IntegrityReport>> work,
            boolean asJson,
            CommandLine command) {
        progress = new RunProgress(UUID.randomUUID().toString(), clock.instant(), invariant, (defect, n) -> {});
        IntegrityRun run = new IntegrityRun(database, invariant, settings, progress, new Capabilities(), clock);
        RunDisplay display = new RunDisplay(progress, System.err, CommandLine.Help.Ansi.AUTO.enabled());
        try {
            IntegrityReport report =
                    clock.measure().chain(() -> work.apply(run)).await().indefinitely();
            display.close();
            command.getOut().println(asJson ? json(report) : text(report));
            return report.holds(invariant) ? ExitCode.HOLDS : ExitCode.BROKEN;
        } catch (RuntimeException failure) {
            return failed(failure, command);
        } finally {
            display.close();
            ended.countDown();
        }
    }

    /** Says why a command failed and what to do; gives its exit code. */
    public int failed(RuntimeException failure, CommandLine command) {
        if (DriverFailure.isUnavailable(failure) || failure instanceof MongoSecurityException) {
            command.getErr()
                    .printf(
                            "The database could not be reached: %s was tried for %s. Check MONGODB_URI, the network and the"
                                    + " user's password or certificate. The driver says: %s%s%n",
                            client.get()
                                    .unwrap()
                                    .getClusterDescription()
                                    .getClusterSettings()
                                    .getHosts(),
                            selectionTimeout.toLowerCase(Locale.ROOT),
                            failure.getMessage(),
                            DriverFailure.remedy(failure));
            return ExitCode.UNREACHABLE;
        }
        command.getErr()
                .printf(
                        "Not finished; it is safe to run it again. %s%s%n",
                        failure.getMessage(), DriverFailure.remedy(failure));
        return ExitCode.FAILED;
    }

    private String json(IntegrityReport report) {
        try {
            return json.writeValueAsString(report);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private String text(IntegrityReport report) {
        StringBuilder text = new StringBuilder();
        String first = invariant.keys().get(0).field();
        text.append(String.format(Locale.ROOT, "%s: found %s, healed %d%n", first, report.broken(), report.healed()));
        report.others()
                .forEach((field, key) -> text.append(
                        String.format(Locale.ROOT, "%s: found %s, healed %d%n", field, key.broken(), key.healed())));
        if (report.deleted() > 0) {
            text.append(String.format(Locale.ROOT, "deleted: %d%n", report.deleted()));
        }
        text.append(
                String.format(Locale.ROOT, "left: %d broken, %d duplicates%n", report.left(), report.duplicatesLeft()));
        report.indexes()
                .forEach(index -> text.append(String.format(
                        Locale.ROOT,
                        "index %s %s: %s%s%n",
                        index.name(),
                        index.key(),
                        index.ok() ? "as declared" : "not the declared one",
                        index.expireAfterSeconds() == null
                                ? ""
                                : ", deletes after " + index.expireAfterSeconds() + " s")));
        text.append(String.format(Locale.ROOT, "validator: %s%n", report.validator()));
        report.exceptions().forEach(exception -> text.append(exception).append(System.lineSeparator()));
        text.append(report.holds(invariant) ? "The invariant holds." : "The invariant does not hold.");
        return text.toString();
    }

    /** Ctrl-C or SIGTERM: the batches in flight come to their end first. */
    void onStop(@Observes ShutdownEvent event) throws InterruptedException {
        RunProgress running = progress;
        if (running != null && ended.getCount() > 0) {
            running.stop();
            if (!ended.await(LAST_BATCH.toMillis(), TimeUnit.MILLISECONDS)) {
                System.err.println("The last batch has not come back; it is safe to run the command again.");
            }
        }
    }
}
