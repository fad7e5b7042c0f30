package consulting.lmx.conversation.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;

/** Notes each test that an assumption skipped, and why, in {@code target/skipped-tests.txt}; the build ends with that list. */
public class SkippedTests implements TestExecutionListener {

    private static final Path LIST = Path.of("target", "skipped-tests.txt");

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        if (result.getStatus() == TestExecutionResult.Status.ABORTED) {
            String reason = result.getThrowable().map(Throwable::getMessage).orElse("no reason given");
            note(test.getLegacyReportingName() + ": " + reason);
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        note(test.getLegacyReportingName() + ": " + reason);
    }

    private static void note(String line) {
        try {
            Files.createDirectories(LIST.getParent());
            Files.writeString(LIST, "  " + line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
