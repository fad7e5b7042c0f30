package consulting.lmx.conversation.error;

import com.mongodb.MongoException;
import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.ext.Provider;

/** Answers a failure of the database: 503 where the same call may succeed a little later, else 500; never in its words. */
@Provider
public class MongoExceptionMapper extends ExceptionMapperBase<MongoException> {

    @Override
    protected HttpProblem toProblem(MongoException exception) {
        if (!DriverFailure.isUnavailable(exception)) {
            return Problems.of(ErrorCode.INTERNAL).build();
        }
        return Problems.of(ErrorCode.DATABASE_UNAVAILABLE)
                .withDetail("The database cannot be reached just now. Try again a little later.")
                .withHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER_SECONDS)
                .build();
    }
}
