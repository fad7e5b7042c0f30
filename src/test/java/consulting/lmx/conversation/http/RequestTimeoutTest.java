package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class RequestTimeoutTest {

    private final RequestTimeout timeout = new RequestTimeout(() -> Duration.ofMillis(100));

    @Test
    void whatNeverAnswersFailsAsUnavailable() {
        Throwable failure = timeout.limited(Uni.createFrom().nothing())
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
        timeout.limited(Uni.createFrom().item("answer"))
                .subscribe()
                .withSubscriber(UniAssertSubscriber.create())
                .assertCompleted()
                .assertItem("answer");
    }
}
