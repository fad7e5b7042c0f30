package consulting.lmx.conversation.http;

import io.quarkus.smallrye.openapi.OpenApiFilter;
import java.util.List;
import java.util.TreeMap;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.PathItem.HttpMethod;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.eclipse.microprofile.openapi.models.security.SecurityRequirement;

/**
 * Adds to each route of the description what every route of its kind can answer, and that the token may come in the cookie
 * too. The answers themselves stand in {@code META-INF/openapi.yaml}.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class CommonResponsesFilter implements OASFilter {

    private static final String BEARER = "bearer";
    private static final String COOKIE = "cookie";

    /** The library's description of problems, in place of which ours stands. */
    private static final List<String> OF_THE_LIBRARY = List.of("HttpProblem", "HttpValidationProblem", "Violation");

    @Override
    public void filterOpenAPI(OpenAPI api) {
        OF_THE_LIBRARY.forEach(api.getComponents()::removeSchema);
        api.getPaths()
                .getPathItems()
                .values()
                .forEach(path -> path.getOperations().forEach(CommonResponsesFilter::complete));
    }

    private static void complete(HttpMethod method, Operation operation) {
        List<String> roles = operation.getSecurity().get(0).getScheme(BEARER);
        operation.addSecurityRequirement(requirement(roles));
        answer(operation, "401", "Unauthorized");
        answer(operation, "406", "NotAcceptable");
        answer(operation, "414", "UriTooLong");
        answer(operation, "431", "HeadersTooLarge");
        answer(operation, "500", "InternalServerError");
        answer(operation, "503", "ServiceUnavailable");
        if (method == HttpMethod.GET && roles.isEmpty()) {
            operation.getResponses().removeAPIResponse("403");
        } else {
            answer(operation, "403", "Forbidden");
        }
        List<Parameter> parameters = operation.getParameters() == null ? List.of() : operation.getParameters();
        if (!parameters.isEmpty()) {
            answer(operation, "400", "BadRequest");
        }
        if (parameters.stream().anyMatch(parameter -> parameter.getIn() == Parameter.In.PATH)) {
            answer(operation, "404", "NotFound");
        }
        if (operation.getRequestBody() != null) {
            answer(operation, "408", "RequestTimeout");
            answer(operation, "413", "ContentTooLarge");
            answer(operation, "415", "UnsupportedMediaType");
        }
        operation
                .getResponses()
                .setAPIResponses(new TreeMap<>(operation.getResponses().getAPIResponses()));
    }

    private static SecurityRequirement requirement(List<String> roles) {
        return OASFactory.createSecurityRequirement().addScheme(COOKIE, roles);
    }

    private static void answer(Operation operation, String status, String name) {
        operation
                .getResponses()
                .addAPIResponse(status, OASFactory.createAPIResponse().ref(name));
    }
}
