package consulting.lmx.conversation.cli;

import io.quarkus.picocli.runtime.annotations.TopCommand;
import picocli.CommandLine.Command;

/** What the jar does where it is given a command; without one it serves. */
@TopCommand
@Command(
        name = "conversation-service",
        mixinStandardHelpOptions = true,
        version = "conversation-service 1.0.0",
        description = "Without a command it serves conversations over HTTP.",
        subcommands = {HealCommand.class, VerifyCommand.class, EraseCommand.class, SmokeCommand.class})
public class Commands {}
