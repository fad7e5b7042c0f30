package consulting.lmx.conversation.mongo;

import com.mongodb.MongoException;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.ext.Provider;

/**
 * Answers failures of the database without their messages: 503 if the same call may succeed later, 409 if the stored document is
 * full, else 500.
 */
@Provider
public class MongoExceptionMapper extends ExceptionMapperBase<MongoException> {

    @Override
    protected HttpProblem toProblem(MongoException exception) {
        if (DriverFailure.isTooLarge(exception)) {
            return Problems.of(ErrorCode.CONFLICT)
                    .withDetail("The stored document has reached its maximum size.")
                    .build();
        }
        if (!DriverFailure.isUnavailable(exception)) {
            return Problems.of(ErrorCode.INTERNAL).build();
        }
        return Problems.of(ErrorCode.DATABASE_UNAVAILABLE)
                .withDetail("The database is not available. Try again later.")
                .withHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER)
                .build();
    }
}
