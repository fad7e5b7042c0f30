package consulting.lmx.conversation.cli;

import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.OrphanBlockCleaner;
import jakarta.enterprise.inject.Instance;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code erase}: deletes all data of one user. */
@Command(
        name = "erase",
        mixinStandardHelpOptions = true,
        description =
                "Deletes all conversations of one user with their offloaded messages, and all orphaned blocks of deleted"
                        + " conversations. This cannot be undone.",
        footer = {
            "",
            "Environment: MONGODB_URI and MONGODB_DB (default lmx-consulting).",
            "You can interrupt this command at any moment and run it again.",
            "Exit codes: 0 everything is deleted, 2 wrong usage, 3 the database could not be reached, 4 a failure halfway"
                    + " (safe to run again)."
        })
public class EraseCommand implements Callable<Integer> {

    private final DatabaseCommand database;
    private final Instance<Conversations> conversations;
    private final Instance<OrphanBlockCleaner> cleaner;

    @Spec
    CommandSpec spec;

    @Option(
            names = "--user",
            required = true,
            paramLabel = "ID",
            description = "The user: the subject of their tokens.")
    String user;

    @Option(names = "--yes", description = "Do not ask before deleting.")
    boolean yes;

    @Option(names = "--json", description = DatabaseCommand.JSON_HELP)
    boolean asJson;

    EraseCommand(
            DatabaseCommand database, Instance<Conversations> conversations, Instance<OrphanBlockCleaner> cleaner) {
        this.database = database;
        this.conversations = conversations;
        this.cleaner = cleaner;
    }

    /** The number of deleted documents; orphaned blocks may have belonged to other users. */
    private record Erased(long conversations, long blocks) {

        String text() {
            return "Deleted %d conversations and %d blocks of offloaded messages.".formatted(conversations, blocks);
        }
    }

    @Override
    public Integer call() {
        CommandLine command = spec.commandLine();
        if (user.isBlank()) {
            throw new CommandLine.ParameterException(command, "--user is blank: name the user");
        }
        database.requireConnectionString(command);
        if (!yes && !DatabaseCommand.isConfirmed("This deletes all conversations of user \"" + user + "\" for good.")) {
            command.getErr().println("Nothing was deleted.");
            return ExitCode.USAGE;
        }
        try {
            Conversations.Deleted deleted =
                    conversations.get().deleteAll(user).await().indefinitely();
            long orphans = cleaner.get().clean().await().indefinitely();
            Erased erased = new Erased(deleted.conversations(), deleted.blocks() + orphans);
            AuditLog.erasure(user, erased.conversations(), erased.blocks());
            command.getOut().println(asJson ? database.json(erased) : erased.text());
            return ExitCode.HOLDS;
        } catch (RuntimeException failure) {
            return database.failed(failure, command);
        }
    }
}
