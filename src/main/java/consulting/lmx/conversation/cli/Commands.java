package consulting.lmx.conversation.cli;

import io.quarkus.picocli.runtime.annotations.TopCommand;
import picocli.CommandLine.Command;

/** The commands of the jar. */
@TopCommand
@Command(
        name = "conversation-service",
        mixinStandardHelpOptions = true,
        version = "conversation-service 1.0.0",
        description = "Without a command, serves conversations over HTTP.",
        subcommands = {HealCommand.class, VerifyCommand.class, EraseCommand.class, SmokeCommand.class})
public class Commands {}
