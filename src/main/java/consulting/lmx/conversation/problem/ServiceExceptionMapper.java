package consulting.lmx.conversation.problem;

import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.ext.Provider;
import java.util.List;

/** Answers a {@link ServiceException} with the status of its code, and a 503 with when to come again. */
@Provider
public class ServiceExceptionMapper extends ExceptionMapperBase<ServiceException> {

    @Override
    protected HttpProblem toProblem(ServiceException exception) {
        HttpProblem.Builder problem = HttpProblem.builder()
                .withStatus(exception.code().status())
                .withTitle(exception.code().title())
                .withDetail(exception.getMessage());
        if (exception.code().status() == 503) {
            problem.withHeader(HttpHeaders.RETRY_AFTER, Problems.RETRY_AFTER);
        }
        if (exception.code() == ErrorCode.REQUEST_TIMEOUT) {
            problem.withHeader("Connection", "close");
        }
        exception.violation().ifPresent(violation -> problem.with("violations", List.of(violation)));
        return problem.build();
    }
}
