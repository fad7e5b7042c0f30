package consulting.lmx.conversation.testsupport;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Programs that tests use if the machine has them. */
public final class Programs {

    private Programs() {}

    public static Optional<Path> onPath(String program) {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Starts {@code program} in {@code folder}, with its output in the file {@code log} there. Skips the test if the program is
     * not on the PATH.
     */
    public static Process start(Path folder, String program, String... arguments) throws IOException {
        Optional<Path> found = onPath(program);
        Assumptions.assumeTrue(found.isPresent(), "no " + program + " on the PATH");
        List<String> command = new ArrayList<>(List.of(found.get().toString()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
        return process;
    }
}
