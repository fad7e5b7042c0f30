package consulting.lmx.conversation.problem;

import consulting.lmx.conversation.text.Text;
import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemContext;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemPostProcessor;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * Gives every problem the fields that the contract promises. A failure is logged with its cause and the error id of the answer.
 * Of requests that are refused, which callers can send as many of as they like, one is logged now and then.
 */
@ApplicationScoped
public class ProblemFields implements ProblemPostProcessor {

    private static final Logger LOG = Logger.getLogger(ProblemFields.class);

    private final LogThrottle throttle = new LogThrottle();
    private final AtomicLong refused = new AtomicLong();

    @Override
    public HttpProblem apply(HttpProblem problem, ProblemContext context) {
        HttpProblem.Builder complete = HttpProblem.builder(problem);
        if (problem.getType() == null) {
            complete.withType(URI.create(Problems.ABOUT_BLANK));
        }
        String errorId = UUID.randomUUID().toString();
        if (problem.getStatusCode() >= 500) {
            complete.with("errorId", errorId);
            if (problem.getStatusCode() == 500) {
                complete.withDetail("The service failed. Its log has the cause under this error id.");
            }
        } else if (problem.getDetail() == null) {
            complete.withDetail(problem.getTitle());
        }
        if (problem.getStatusCode() < 500 || isOverload(context.cause)) {
            logNowAndThen(problem, context);
        } else {
            // Of what was thrown on purpose the detail says all.
            LOG.errorf(
                    context.cause instanceof ServiceException ? null : context.cause,
                    "event=failed status=%d path=%s errorId=%s detail=%s",
                    problem.getStatusCode(),
                    quoted(context.path),
                    errorId,
                    quoted(problem.getDetail()));
        }
        return complete.build();
    }

    private void logNowAndThen(HttpProblem problem, ProblemContext context) {
        long since = refused.incrementAndGet();
        if (throttle.permits()) {
            refused.addAndGet(-since);
            LOG.infof(
                    "event=refused status=%d path=%s detail=%s requests=%d",
                    problem.getStatusCode(), quoted(context.path), quoted(problem.getDetail()), since);
        }
    }

    private static String quoted(String text) {
        return Text.quoted(String.valueOf(text));
    }

    private static boolean isOverload(Throwable cause) {
        return cause instanceof ServiceException refused && refused.code() == ErrorCode.OVERLOADED;
    }

    @Override
    public int priority() {
        return 50; // after the library's own, which fills in the instance
    }
}
