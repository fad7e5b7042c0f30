package consulting.lmx.conversation.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.OrphanBlockCleaner;
import jakarta.enterprise.inject.Instance;
import java.util.Scanner;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code erase}: deletes everything of one user. */
@Command(
        name = "erase",
        mixinStandardHelpOptions = true,
        description =
                "Deletes all conversations of one user, with their offloaded messages, and the blocks of conversations"
                        + " that do not exist any more. It cannot be undone.",
        footer = {
            "",
            "Takes MONGODB_URI and MONGODB_DB (default lmx-consulting). May be ended at any moment and run again.",
            "Exit codes: 0 everything is deleted, 2 wrong usage, 3 the database could not be reached, 4 a failure half way"
                    + " (safe to run again)."
        })
public class EraseCommand implements Callable<Integer> {

    private final DatabaseCommand database;
    private final Instance<Conversations> conversations;
    private final Instance<OrphanBlockCleaner> cleaner;
    private final ObjectMapper json;

    @Spec
    CommandSpec spec;

    @Option(
            names = "--user",
            required = true,
            paramLabel = "ID",
            description = "The user, as the subject of their tokens names them.")
    String user;

    @Option(names = "--yes", description = "Do not ask before deleting.")
    boolean yes;

    @Option(
            names = "--json",
            description = "Print {conversations, blocks} as one JSON object on one line, alone on standard output.")
    boolean asJson;

    EraseCommand(
            DatabaseCommand database,
            Instance<Conversations> conversations,
            Instance<OrphanBlockCleaner> cleaner,
            ObjectMapper json) {
        this.database = database;
        this.conversations = conversations;
        this.cleaner = cleaner;
        this.json = json;
    }

    @Override
    public Integer call() {
        CommandLine command = spec.commandLine();
        if (user.isBlank()) {
            throw new CommandLine.ParameterException(command, "--user is blank: name the user");
        }
        database.requireServer(command);
        if (!yes && !confirmed()) {
            command.getErr().println("Nothing was deleted.");
            return ExitCode.USAGE;
        }
        try {
            Conversations.Deleted deleted =
                    conversations.get().deleteAll(user).await().indefinitely();
            long orphans = cleaner.get().clean().await().indefinitely();
            Erased erased = new Erased(deleted.conversations(), deleted.blocks() + orphans);
            AuditLog.erasure(user, erased.conversations(), erased.blocks());
            command.getOut().println(asJson ? json(erased) : erased.text());
            return ExitCode.HOLDS;
        } catch (RuntimeException failure) {
            return database.failed(failure, command);
        }
    }

    /** How many documents were deleted; those of blocks may have been left from conversations of others. */
    private record Erased(long conversations, long blocks) {

        String text() {
            return "Deleted %d conversations and %d blocks of offloaded messages.".formatted(conversations, blocks);
        }
    }

    private String json(Erased erased) {
        try {
            return json.writeValueAsString(erased);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private boolean confirmed() {
        System.err.printf("All conversations of user \"%s\" will be deleted for good. Type yes to go on: ", user);
        System.err.flush();
        Scanner answer = new Scanner(System.in);
        return answer.hasNextLine() && answer.nextLine().trim().equals("yes");
    }
}
