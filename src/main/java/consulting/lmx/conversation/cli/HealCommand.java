package consulting.lmx.conversation.cli;

import consulting.lmx.conversation.integrity.IntegrityConfig;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code heal}: makes the invariant hold, as the service does at its start. */
@Command(
        name = "heal",
        mixinStandardHelpOptions = true,
        description =
                "Gives every conversation a unique sessionId and conversationId, creates the unique indexes and the"
                        + " validator, and verifies that the invariant holds.",
        footer = {
            "",
            "Environment: MONGODB_URI and MONGODB_DB (default lmx-consulting).",
            "You can interrupt this command at any moment and run it again.",
            "An existing validator and retention index stay as they are, unless a setting names them.",
            "Exit codes: 0 the invariant holds, 1 it does not (--dry-run), 2 wrong usage, 3 the database could not be"
                    + " reached, 4 a failure halfway (safe to run again)."
        })
public class HealCommand implements Callable<Integer> {

    private static final int MAX_BATCH_SIZE = 10_000;

    private final DatabaseCommand database;
    private final IntegrityConfig config;

    @Spec
    CommandSpec spec;

    @Option(names = "--dry-run", description = "Count what a heal would find, and write nothing.")
    boolean dryRun;

    @Option(
            names = "--delete-broken",
            description =
                    "Delete conversations whose key is missing, null or blank instead of repairing them. The command first"
                            + " writes them, with their offloaded messages, to a file of Extended JSON and prints its path.")
    boolean deleteBroken;

    @Option(names = "--yes", description = "Do not ask before deleting.")
    boolean yes;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            description =
                    "Documents in a batch, 1 to 10000, and at most what --max-rate allows in a quarter of a second"
                            + " (default: conversations.integrity.batch-size, 2000).")
    Optional<Integer> batchSize;

    @Option(
            names = "--max-rate",
            paramLabel = "DOCS_PER_SECOND",
            description =
                    "Write at most this many documents per second (default: conversations.integrity.max-rate, no limit).")
    Optional<Integer> maxRate;

    @Option(names = "--recreate-index", description = "Build the unique indexes again even if they are as declared.")
    boolean recreateIndex;

    @Option(names = "--json", description = DatabaseCommand.JSON_HELP)
    boolean json;

    HealCommand(DatabaseCommand database, IntegrityConfig config) {
        this.database = database;
        this.config = config;
    }

    @Override
    public Integer call() {
        CommandLine command = spec.commandLine();
        requireBetween("--batch-size", batchSize, MAX_BATCH_SIZE);
        requireBetween("--max-rate", maxRate, Integer.MAX_VALUE);
        if (yes && !deleteBroken) {
            throw new CommandLine.ParameterException(command, "--yes requires --delete-broken");
        }
        if (dryRun || !deleteBroken) {
            return database.run(
                    settings(Optional.empty()), dryRun ? IntegrityRun::dryRun : IntegrityRun::heal, json, command);
        }
        database.requireConnectionString(command);
        Path file =
                Path.of("conversations-deleted-" + UUID.randomUUID() + ".jsonl").toAbsolutePath();
        if (!yes
                && !DatabaseCommand.isConfirmed("This writes the conversations whose sessionId or conversationId is"
                        + " missing, null or blank to " + file + " and then deletes them.")) {
            command.getErr().println("Nothing was done.");
            return ExitCode.USAGE;
        }
        command.getErr().println("Deleted conversations are written to " + file);
        return database.run(settings(Optional.of(file)), IntegrityRun::heal, json, command);
    }

    private HealSettings settings(Optional<Path> deletionFile) {
        return new HealSettings(
                config.validator(),
                true,
                batchSize.orElse(config.batchSize()),
                maxRate.map(OptionalInt::of).orElse(config.maxRate()),
                recreateIndex,
                deletionFile);
    }

    private void requireBetween(String option, Optional<Integer> value, int max) {
        if (value.isPresent() && (value.get() < 1 || value.get() > max)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), option + " is " + value.get() + ", but must be from 1 to " + max);
        }
    }
}
