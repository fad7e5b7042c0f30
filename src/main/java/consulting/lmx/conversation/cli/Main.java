package consulting.lmx.conversation.cli;

import io.quarkus.picocli.runtime.PicocliRunner;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import io.smallrye.config.ConfigValidationException;

/**
 * Serves conversations, or runs the given command. A command runs in the profile {@code command}, which opens no port, starts
 * no check and logs to standard error.
 */
@QuarkusMain
public final class Main {

    private Main() {}

    public static void main(String... arguments) {
        if (arguments.length == 0) {
            String origins = System.getenv("ALLOWED_ORIGINS");
            if (origins != null && !origins.isBlank()) {
                System.setProperty("quarkus.http.cors.enabled", "true");
            }
            Quarkus.run(arguments);
        } else {
            System.setProperty("quarkus.profile", "prod,command");
            Quarkus.run(PicocliRunner.class, (code, failure) -> end(code, failure), arguments);
        }
    }

    private static void end(int code, Throwable failure) {
        if (failure == null) {
            System.exit(code == ExitCode.HOLDS && !isOutputWritten() ? ExitCode.FAILED : code);
        }
        String setting = wrongSetting(failure);
        if (setting != null) {
            System.err.println(setting);
            System.exit(ExitCode.USAGE);
        }
        failure.printStackTrace();
        System.exit(ExitCode.FAILED);
    }

    /** A PrintStream throws no exception if a write fails, but remembers it. */
    private static boolean isOutputWritten() {
        boolean failed = System.out.checkError();
        if (failed) {
            System.err.println("The output could not be written: give the command a standard output that accepts it.");
        }
        return !failed;
    }

    /** The message about wrong settings, if those prevented the start; otherwise null. */
    private static String wrongSetting(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ConfigValidationException) {
                return cause.getMessage();
            }
        }
        return null;
    }
}
