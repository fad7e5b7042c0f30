package consulting.lmx.conversation.cli;

import consulting.lmx.conversation.integrity.IntegrityConfig;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code verify}: reports whether the invariant holds, and writes nothing. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description =
                "Reports whether every conversation has a unique sessionId and conversationId and whether the unique"
                        + " indexes exist. Writes nothing.",
        footer = {
            "",
            "Environment: MONGODB_URI and MONGODB_DB (default lmx-consulting).",
            "Exit codes: 0 the invariant holds, 1 it does not, 2 wrong usage, 3 the database could not be reached,"
                    + " 4 a failure halfway (safe to run again)."
        })
public class VerifyCommand implements Callable<Integer> {

    private final DatabaseCommand database;
    private final IntegrityConfig config;

    @Spec
    CommandSpec spec;

    @Option(names = "--json", description = DatabaseCommand.JSON_HELP)
    boolean json;

    VerifyCommand(DatabaseCommand database, IntegrityConfig config) {
        this.database = database;
        this.config = config;
    }

    @Override
    public Integer call() {
        return database.run(
                HealSettings.of(config.validator(), config.batchSize(), config.maxRate()),
                IntegrityRun::dryRun,
                json,
                spec.commandLine());
    }
}
