package consulting.lmx.conversation.cli;

import io.quarkus.picocli.runtime.PicocliRunner;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;

/**
 * Serves, or runs the command that it is given. A command runs under the profile {@code command}, which opens no port, starts
 * no check of its own and logs to standard error.
 */
@QuarkusMain
public final class Main {

    private Main() {}

    public static void main(String... arguments) {
        if (arguments.length == 0) {
            Quarkus.run(arguments);
        } else {
            System.setProperty("quarkus.profile", "prod,command");
            Quarkus.run(PicocliRunner.class, (code, failure) -> end(code, failure), arguments);
        }
    }

    private static void end(int code, Throwable failure) {
        if (failure != null) {
            failure.printStackTrace();
        }
        System.exit(code);
    }
}
