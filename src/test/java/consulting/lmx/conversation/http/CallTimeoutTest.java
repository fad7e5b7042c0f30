package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class CallTimeoutTest {

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

    private final CallTimeout limit = new CallTimeout(CONFIG);

    @Test
    void callWithoutAnAnswerFailsAsUnavailable() {
        Throwable failure = limit.of(Uni.createFrom().nothing())
                .subscribe()
                .withSubscriber(UniAssertSubscriber.create())
                .awaitFailure(Duration.ofSeconds(10))
                .getFailure();
        assertThat(failure)
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE));
    }

    @Test
    void answerIsPassedOn() {
        limit.of(Uni.createFrom().item("answer"))
                .subscribe()
                .withSubscriber(UniAssertSubscriber.create())
                .assertCompleted()
                .assertItem("answer");
    }
}
