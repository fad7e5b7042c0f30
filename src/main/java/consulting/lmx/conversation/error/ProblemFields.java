package consulting.lmx.conversation.error;

import io.quarkiverse.resteasy.problem.HttpProblem;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemContext;
import io.quarkiverse.resteasy.problem.postprocessing.ProblemPostProcessor;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.util.UUID;
import org.jboss.logging.Logger;

/**
 * Gives every problem the fields that the contract promises, and logs it. One of 500 or more gets an error id, which stands
 * in the log beside the cause; what the cause says stays there.
 */
@ApplicationScoped
public class ProblemFields implements ProblemPostProcessor {

    private static final Logger LOG = Logger.getLogger(ProblemFields.class);

    @Override
    public HttpProblem apply(HttpProblem problem, ProblemContext context) {
        HttpProblem.Builder complete = HttpProblem.builder(problem);
        if (problem.getType() == null) {
            complete.withType(URI.create(Problems.ABOUT_BLANK));
        }
        if (problem.getStatusCode() >= 500) {
            String errorId = UUID.randomUUID().toString();
            complete.with("errorId", errorId);
            if (problem.getStatusCode() == 500) {
                complete.withDetail("The service failed. Its log has the cause under this error id.");
            }
            // Of what was thrown on purpose the detail says all.
            boolean turnedAway = isTurnedAway(context.cause);
            LOG.logf(
                    turnedAway ? Logger.Level.INFO : Logger.Level.ERROR,
                    context.cause instanceof ServiceException ? null : context.cause,
                    "event=%s status=%d path=%s errorId=%s detail=\"%s\"",
                    turnedAway ? "refused" : "failed",
                    problem.getStatusCode(),
                    context.path,
                    errorId,
                    problem.getDetail());
        } else {
            LOG.infof(
                    "event=refused status=%d path=%s detail=\"%s\"",
                    problem.getStatusCode(), context.path, problem.getDetail());
            if (problem.getDetail() == null) {
                complete.withDetail(problem.getTitle());
            }
        }
        return complete.build();
    }

    /** Nothing has failed, and whoever watches is told by the metrics of those who are turned away. */
    private static boolean isTurnedAway(Throwable cause) {
        return cause instanceof ServiceException refused && refused.code() == ErrorCode.OVERLOADED;
    }

    @Override
    public int priority() {
        return 50; // after the library's own, which fills in the instance
    }
}
