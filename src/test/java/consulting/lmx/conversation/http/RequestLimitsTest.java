package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RequestLimitsTest {

    private static final RequestConfig CONFIG = new RequestConfig() {
        @Override
        public Duration timeout() {
            return Duration.ofMillis(100);
        }

        @Override
        public int maxConcurrent() {
            return 1;
        }
    };

    private final RequestLimits limits = new RequestLimits(new Admission(CONFIG, new SimpleMeterRegistry()), CONFIG);

    @Test
    void whatNeverAnswersFailsAsUnavailable() {
        Throwable failure = limits.limited(Uni.createFrom().nothing())
                .subscribe()
                .withSubscriber(UniAssertSubscriber.create())
                .awaitFailure(Duration.ofSeconds(10))
                .getFailure();
        assertThat(failure)
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE));
    }

    @Test
    void whatAnswersIsHandedOn() {
        limits.limited(Uni.createFrom().item("answer"))
                .subscribe()
                .withSubscriber(UniAssertSubscriber.create())
                .assertCompleted()
                .assertItem("answer");
    }
}
