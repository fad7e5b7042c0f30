package consulting.lmx.conversation.mongo;

import com.mongodb.MongoException;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.ext.Provider;

/**
 * Answers a failure of the database, never in its words: 503 where the same call may succeed a little later, 409 where what
 * is stored is full, else 500.
 */
@Provider
public class MongoExceptionMapper extends ExceptionMapperBase<MongoException> {

    @Override
    protected HttpProblem toProblem(MongoException exception) {
        if (DriverFailure.isTooLarge(exception)) {
            return Problems.of(ErrorCode.CONFLICT)
                    .withDetail("What is stored there is as long as it may be, and takes no more.")
                    .build();
        }
        if (!DriverFailure.isUnavailable(exception)) {
            return Problems.of(ErrorCode.INTERNAL).build();
        }
        return Problems.of(ErrorCode.DATABASE_UNAVAILABLE)
                .withDetail("The database cannot be reached just now. Try again a little later.")
                .withHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER)
                .build();
    }
}
