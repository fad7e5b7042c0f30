package consulting.lmx.conversation.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.MongoSecurityException;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.ServerClock;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Instance;
import java.util.Locale;
import java.util.Optional;
import java.util.Scanner;
import java.util.UUID;
import java.util.function.Function;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import picocli.CommandLine;

/** What the database commands share: run, progress display, report and exit code. */
@ApplicationScoped
public class DatabaseCommand {

    static final String JSON_HELP = "Print the result as one JSON object on one line, alone on standard output.";

    private final Instance<ReactiveMongoClient> client;
    private final Optional<String> connectionString;
    private final String databaseName;
    private final Invariant invariant;
    private final ServerClock clock;
    private final ObjectMapper mapper;

    DatabaseCommand(
            Instance<ReactiveMongoClient> client,
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.mongodb.database") String databaseName,
            Invariant invariant,
            ServerClock clock,
            ObjectMapper mapper) {
        this.client = client;
        this.connectionString = connectionString;
        this.databaseName = databaseName;
        this.invariant = invariant;
        this.clock = clock;
        this.mapper = mapper;
    }

    /** @throws CommandLine.ParameterException if {@code MONGODB_URI} is not set */
    public void requireConnectionString(CommandLine command) {
        if (connectionString.isEmpty()) {
            throw new CommandLine.ParameterException(
                    command, "MONGODB_URI is not set: set it to the connection string of the server");
        }
    }

    /** Runs {@code work} to its end, prints the report, and returns the exit code. */
    int run(
            HealSettings settings,
            Function<IntegrityRun, Uni<IntegrityReport>> work,
            boolean asJson,
            CommandLine command) {
        requireConnectionString(command);
        RunProgress progress =
                new RunProgress(UUID.randomUUID().toString(), clock.instant(), invariant, (defect, n) -> {});
        IntegrityRun run = new IntegrityRun(
                client.get().unwrap().getDatabase(databaseName),
                invariant,
                settings,
                progress,
                new Capabilities(),
                clock);
        RunDisplay display = new RunDisplay(progress, System.err, CommandLine.Help.Ansi.AUTO.enabled());
        try {
            IntegrityReport report =
                    clock.measure().chain(() -> work.apply(run)).await().indefinitely();
            display.end();
            command.getOut().println(asJson ? json(report) : text(report));
            return report.holds(invariant) ? ExitCode.HOLDS : ExitCode.BROKEN;
        } catch (RuntimeException failure) {
            display.end();
            return failed(failure, command);
        }
    }

    /** Prints why a command failed and what to do about it, and returns the exit code. */
    public int failed(RuntimeException failure, CommandLine command) {
        if (DriverFailure.isUnavailable(failure) || failure instanceof MongoSecurityException) {
            command.getErr()
                    .printf(
                            "The database could not be reached. Check MONGODB_URI, the network and the user's password or"
                                    + " certificate. The driver says: %s%s%n",
                            failure.getMessage(), DriverFailure.remedy(failure));
            return ExitCode.UNREACHABLE;
        }
        command.getErr()
                .printf(
                        "The command did not finish; it is safe to run it again. %s%s%n",
                        failure.getMessage(), DriverFailure.remedy(failure));
        return ExitCode.FAILED;
    }

    /** Whether the user answers {@code yes} to the warning. */
    static boolean isConfirmed(String warning) {
        System.err.print(warning + " Type yes to continue: ");
        System.err.flush();
        Scanner answer = new Scanner(System.in);
        return answer.hasNextLine() && answer.nextLine().trim().equals("yes");
    }

    String json(Object result) {
        try {
            return mapper.writeValueAsString(result);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private String text(IntegrityReport report) {
        StringBuilder text = new StringBuilder();
        String first = invariant.keys().get(0).field();
        append(text, "%s: found %s, healed %d%n", first, report.broken(), report.healed());
        report.others()
                .forEach((field, key) -> append(text, "%s: found %s, healed %d%n", field, key.broken(), key.healed()));
        if (report.deleted() > 0) {
            append(text, "deleted: %d%n", report.deleted());
        }
        append(text, "left: %d broken, %d duplicates%n", report.left(), report.duplicatesLeft());
        report.indexes()
                .forEach(index -> append(
                        text,
                        "index %s %s: %s%s%n",
                        index.name(),
                        index.key(),
                        index.ok() ? "as declared" : "not as declared",
                        index.expireAfterSeconds() == null
                                ? ""
                                : ", deletes after " + index.expireAfterSeconds() + " s"));
        report.missingIndexes(invariant).forEach(field -> append(text, "index on %s: missing%n", field));
        append(text, "validator: %s%n", report.validator());
        report.exceptions().forEach(exception -> append(text, "%s%n", exception));
        return text + (report.holds(invariant) ? "The invariant holds." : "The invariant does not hold.");
    }

    private static void append(StringBuilder text, String format, Object... values) {
        text.append(String.format(Locale.ROOT, format, values));
    }
}
