package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.TestServer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Runs three short seeds of {@code faults/run}; docs/reliability.md describes them. */
class FaultsIT {

    @Test
    void nothingIsLostNorDoubledUnderFaults() throws Exception {
        TestServer.assumeGenuine("faults are done to genuine servers");
        Assumptions.assumeTrue(starts("mongod", "--version"), "the faults need a mongod on the PATH");
        Assumptions.assumeTrue(starts("go", "version"), "the faults need Go on the PATH");
        Process faults = new ProcessBuilder("faults/run", "--seeds", "1-3", "--seconds", "12")
                .redirectErrorStream(true)
                .start();
        String output = new String(faults.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(faults.waitFor()).as(output).isZero();
    }

    private static boolean starts(String... command) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .directory(Path.of(".").toFile())
                    .start();
            return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException none) {
            return false;
        }
    }
}
