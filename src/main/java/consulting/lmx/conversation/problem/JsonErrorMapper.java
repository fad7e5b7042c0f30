package consulting.lmx.conversation.problem;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.exc.StreamReadException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import io.quarkiverse.resteasy.problem.HttpProblem;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.List;
import java.util.stream.Collectors;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/** Answers invalid JSON and fields of a wrong type with 400, without the names of classes. */
public class JsonErrorMapper {

    /** Names the subtypes too, because the framework and the library have mappers for them. */
    @ServerExceptionMapper(
            value = {JsonProcessingException.class, MismatchedInputException.class, InvalidFormatException.class},
            priority = 1)
    public Response toResponse(JsonProcessingException exception, UriInfo uri) {
        return Problems.response(problem(exception), exception, uri);
    }

    private static HttpProblem problem(JsonProcessingException exception) {
        if (exception instanceof StreamConstraintsException) {
            return Problems.of(ErrorCode.INVALID_REQUEST)
                    .withDetail("The body is nested too deeply, has a number with too many digits, or has too many"
                            + " names and values.")
                    .build();
        }
        if (exception instanceof JsonMappingException mapping
                && !mapping.getPath().isEmpty()
                && !(mapping.getCause() instanceof StreamReadException)) {
            String field = field(mapping.getPath());
            return Problems.of(ErrorCode.INVALID_REQUEST)
                    .withDetail(field + " has the wrong type")
                    .with("violations", List.of(new ServiceException.Violation(field, "has the wrong type")))
                    .build();
        }
        return Problems.of(ErrorCode.INVALID_REQUEST)
                .withDetail("The body is not a valid JSON object for this route.")
                .build();
    }

    private static String field(List<JsonMappingException.Reference> path) {
        return path.stream()
                .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : "." + step.getFieldName())
                .collect(Collectors.joining())
                .substring(1);
    }
}
