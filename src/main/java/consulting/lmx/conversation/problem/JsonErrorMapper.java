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

/** Answers a body that is no JSON, or has another type in a field than belongs there, without the names of our classes. */
public class JsonErrorMapper {

    /** The narrower types are named, since the framework and the library have mappers of their own for them. */
    @ServerExceptionMapper(
            value = {JsonProcessingException.class, MismatchedInputException.class, InvalidFormatException.class},
            priority = 1)
    public Response refuse(JsonProcessingException exception, UriInfo uri) {
        return Problems.response(problem(exception), exception, uri);
    }

    private static HttpProblem problem(JsonProcessingException exception) {
        if (exception instanceof StreamConstraintsException) {
            return Problems.of(ErrorCode.INVALID_REQUEST)
                    .withDetail("The body is nested too deeply, holds a number with too many digits, or has too many"
                            + " names and values.")
                    .build();
        }
        if (exception instanceof JsonMappingException mapping
                && !mapping.getPath().isEmpty()
                && !(mapping.getCause() instanceof StreamReadException)) {
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
