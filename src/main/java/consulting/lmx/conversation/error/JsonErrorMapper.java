package consulting.lmx.conversation.error;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import io.quarkiverse.resteasy.problem.ExceptionMapperBase;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.annotation.Priority;
import jakarta.ws.rs.Priorities;
import jakarta.ws.rs.ext.Provider;
import java.util.List;
import java.util.stream.Collectors;

/** Answers a body that is no JSON, or has another type in a field than belongs there, without the names of our classes. */
@Provider
@Priority(Priorities.USER - 1)
public class JsonErrorMapper extends ExceptionMapperBase<JsonProcessingException> {

    @Override
    protected HttpProblem toProblem(JsonProcessingException exception) {
        if (exception instanceof JsonMappingException mapping
                && !mapping.getPath().isEmpty()) {
            String field = field(mapping.getPath());
            return Problems.of(ErrorCode.INVALID_REQUEST)
                    .withDetail(field + " is not of the type that belongs there")
                    .with("violations", List.of(new ServiceException.Violation(field, "is of the wrong type")))
                    .build();
        }
        return Problems.of(ErrorCode.INVALID_REQUEST)
                .withDetail("The body is not the JSON object that this route takes.")
                .build();
    }

    private static String field(List<JsonMappingException.Reference> path) {
        return path.stream()
                .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : "." + step.getFieldName())
                .collect(Collectors.joining())
                .substring(1);
    }
}
