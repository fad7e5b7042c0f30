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
 * Adds the fields that the contract promises to every problem, and logs it: failures with their cause and the error ID of the
 * response, rejected requests at most once in ten seconds, since callers decide how many they send.
 */
@ApplicationScoped
public class ProblemFields implements ProblemPostProcessor {

    private static final Logger LOG = Logger.getLogger(ProblemFields.class);

    private final LogThrottle throttle = new LogThrottle();
    private final AtomicLong rejected = new AtomicLong();

    @Override
    public HttpProblem apply(HttpProblem problem, ProblemContext context) {
        HttpProblem.Builder complete = HttpProblem.builder(problem);
        if (!problem.getParameters().containsKey(Problems.CODE)) {
            ErrorCode code = ErrorCode.ofStatus(problem.getStatusCode());
            complete.withType(URI.create(code.type())).with(Problems.CODE, code.code());
        }
        String errorId = UUID.randomUUID().toString();
        if (problem.getStatusCode() >= 500) {
            complete.with("errorId", errorId);
            if (problem.getStatusCode() == 500) {
                complete.withDetail("The service failed. Its log has the cause under this error ID.");
            }
        } else if (problem.getDetail() == null) {
            complete.withDetail(problem.getTitle());
        }
        if (problem.getStatusCode() < 500 || isOverload(context.cause)) {
            logThrottled(problem, context);
        } else {
            // A ServiceException is thrown on purpose: its detail is enough.
            LOG.errorf(
                    context.cause instanceof ServiceException ? null : context.cause,
                    "event=request-failed status=%d path=%s errorId=%s detail=%s",
                    problem.getStatusCode(),
                    quoted(context.path),
                    errorId,
                    quoted(problem.getDetail()));
        }
        return complete.build();
    }

    private void logThrottled(HttpProblem problem, ProblemContext context) {
        long since = rejected.incrementAndGet();
        if (throttle.permits()) {
            rejected.addAndGet(-since);
            LOG.infof(
                    "event=request-rejected status=%d path=%s detail=%s requests=%d",
                    problem.getStatusCode(), quoted(context.path), quoted(problem.getDetail()), since);
        }
    }

    private static String quoted(String text) {
        return Text.quoted(String.valueOf(text));
    }

    private static boolean isOverload(Throwable cause) {
        return cause instanceof ServiceException rejection && rejection.code() == ErrorCode.OVERLOADED;
    }

    @Override
    public int priority() {
        return 50; // after the library's post-processor, which sets the instance
    }
}
