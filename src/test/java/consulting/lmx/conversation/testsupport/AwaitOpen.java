package consulting.lmx.conversation.testsupport;

import consulting.lmx.conversation.integrity.IntegrityService;
import io.quarkus.test.junit.callback.QuarkusTestBeforeEachCallback;
import io.quarkus.test.junit.callback.QuarkusTestMethodContext;
import jakarta.enterprise.inject.spi.CDI;
import java.time.Duration;
import org.awaitility.Awaitility;

/** Lets no test of the running application begin before its gate is open. */
public class AwaitOpen implements QuarkusTestBeforeEachCallback {

    @Override
    public void beforeEach(QuarkusTestMethodContext context) {
        IntegrityService service = CDI.current().select(IntegrityService.class).get();
        Awaitility.await("the gate opens")
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(50))
                .pollDelay(Duration.ZERO)
                .until(() -> service.state().snapshot().open());
    }
}
