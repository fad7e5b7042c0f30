package consulting.lmx.conversation.cli;

import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.IntegrityConfig;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.repair.DeletionFile;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Scanner;
import java.util.UUID;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code heal}: makes the invariant hold, as the service does at its start, and ends. */
@Command(
        name = "heal",
        mixinStandardHelpOptions = true,
        description =
                "Gives every conversation a sessionId and a conversationId of its own, makes the unique indexes and the"
                        + " validator, and proves that the invariant holds.",
        footer = {
            "",
            "Takes MONGODB_URI and MONGODB_DB (default lmx-consulting). May be ended at any moment and run again.",
            "A validator and a retention index that are there stay as they are, unless a setting names them.",
            "Exit codes: 0 the invariant holds, 1 it does not (--dry-run), 2 wrong usage, 3 the database could not be"
                    + " reached, 4 a failure half way (safe to run again)."
        })
public class HealCommand implements Callable<Integer> {

    private static final int LARGEST_BATCH = 10_000;

    private final DatabaseCommand database;
    private final IntegrityConfig config;

    @Spec
    CommandSpec spec;

    @Option(names = "--dry-run", description = "Read and count, and write nothing at all.")
    boolean dryRun;

    @Option(
            names = "--delete-broken",
            description =
                    "Delete conversations whose key is missing, null or blank instead of repairing them. First they"
                            + " are written, with their offloaded messages, to a file of Extended JSON; its path is printed.")
    boolean deleteBroken;

    @Option(names = "--yes", description = "Do not ask before deleting.")
    boolean yes;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            description =
                    "Documents a batch, 1 to 10000, and no more than --max-rate allows in a quarter of a second (default:"
                            + " conversations.integrity.batch-size, 2000).")
    Optional<Integer> batchSize;

    @Option(
            names = "--max-rate",
            paramLabel = "DOCS_PER_SECOND",
            description = "Write at most so many documents a second (default: as fast as the server bears).")
    Optional<Integer> maxRate;

    @Option(names = "--recreate-index", description = "Make the unique indexes anew even where they stand as declared.")
    boolean recreateIndex;

    @Option(
            names = "--json",
            description = "Print the report as one JSON object on one line, alone on standard output.")
    boolean json;

    HealCommand(DatabaseCommand database, IntegrityConfig config) {
        this.database = database;
        this.config = config;
    }

    @Override
    public Integer call() {
        CommandLine command = spec.commandLine();
        requireBetween("--batch-size", batchSize, LARGEST_BATCH);
        requireBetween("--max-rate", maxRate, Integer.MAX_VALUE);
        if (yes && !deleteBroken) {
            throw new CommandLine.ParameterException(command, "--yes goes with --delete-broken");
        }
        MongoDatabase target = database.database(command);
        if (dryRun) {
            return database.run(target, settings(Optional.empty()), IntegrityRun::look, json, command);
        }
        Optional<Path> export = Optional.empty();
        if (deleteBroken) {
            export = Optional.of(Path.of("conversations-deleted-" + UUID.randomUUID() + ".jsonl")
                    .toAbsolutePath());
            if (!yes && !confirmed(export.get())) {
                command.getErr().println("Nothing was done.");
                return ExitCode.USAGE;
            }
            if (!canWrite(export.get(), command)) {
                return ExitCode.FAILED;
            }
        }
        return database.run(target, settings(export), IntegrityRun::heal, json, command);
    }

    private HealSettings settings(Optional<Path> export) {
        return new HealSettings(
                config.validator(),
                true,
                batchSize.orElse(config.batchSize()),
                maxRate.map(OptionalInt::of).orElse(config.maxRate()),
                recreateIndex,
                export);
    }

    private void requireBetween(String option, Optional<Integer> value, int largest) {
        if (value.isPresent() && (value.get() < 1 || value.get() > largest)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), option + " is " + value.get() + ", and must be from 1 to " + largest);
        }
    }

    private boolean confirmed(Path export) {
        System.err.printf(
                "Conversations whose sessionId or conversationId is missing, null or blank will be written to %s and then"
                        + " deleted. Type yes to go on: ",
                export);
        System.err.flush();
        Scanner answer = new Scanner(System.in);
        return answer.hasNextLine() && answer.nextLine().trim().equals("yes");
    }

    private static boolean canWrite(Path export, CommandLine command) {
        try (DeletionFile file = new DeletionFile(export)) {
            file.force();
            command.getErr().println("What is deleted is written to " + export);
            return true;
        } catch (UncheckedIOException e) {
            command.getErr()
                    .printf(
                            "Nothing was deleted, since %s cannot be written (%s): run it in a folder that can be%n",
                            export, e.getCause());
            return false;
        }
    }
}
