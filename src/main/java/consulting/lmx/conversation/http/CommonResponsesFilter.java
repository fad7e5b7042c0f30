package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import io.quarkus.smallrye.openapi.OpenApiFilter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.microprofile.openapi.OASFactory;
import org.eclipse.microprofile.openapi.OASFilter;
import org.eclipse.microprofile.openapi.models.OpenAPI;
import org.eclipse.microprofile.openapi.models.Operation;
import org.eclipse.microprofile.openapi.models.PathItem.HttpMethod;
import org.eclipse.microprofile.openapi.models.media.MediaType;
import org.eclipse.microprofile.openapi.models.parameters.Parameter;
import org.eclipse.microprofile.openapi.models.responses.APIResponse;
import org.eclipse.microprofile.openapi.models.security.SecurityRequirement;

/**
 * Adds the responses that all routes of a kind have to the API description, and the cookie as a second way to send the token.
 * {@code META-INF/openapi.yaml} has the responses themselves.
 */
@OpenApiFilter(stages = OpenApiFilter.RunStage.BUILD)
public class CommonResponsesFilter implements OASFilter {

    private static final String BEARER = "bearer";
    private static final String COOKIE = "cookie";
    private static final String PROBLEM = "application/problem+json";

    /** Schemas of the problem library that {@code META-INF/openapi.yaml} replaces. */
    private static final List<String> LIBRARY_SCHEMAS = List.of("HttpProblem", "HttpValidationProblem", "Violation");

    @Override
    public void filterOpenAPI(OpenAPI api) {
        LIBRARY_SCHEMAS.forEach(api.getComponents()::removeSchema);
        api.getComponents().getResponses().values().forEach(CommonResponsesFilter::listCodes);
        api.getPaths()
                .getPathItems()
                .values()
                .forEach(path -> path.getOperations().forEach(CommonResponsesFilter::complete));
    }

    /** Lists the codes with the status of the example. */
    private static void listCodes(APIResponse response) {
        MediaType problem =
                response.getContent() == null ? null : response.getContent().getMediaType(PROBLEM);
        if (problem != null) {
            Object status = ((Map<?, ?>) problem.getExample()).get("status");
            List<Object> codes = Arrays.stream(ErrorCode.values())
                    .filter(code -> status.toString().equals(String.valueOf(code.status())))
                    .<Object>map(ErrorCode::code)
                    .toList();
            problem.setSchema(OASFactory.createSchema()
                    .addAllOf(problem.getSchema())
                    .addProperty("code", OASFactory.createSchema().enumeration(codes)));
        }
    }

    private static void complete(HttpMethod method, Operation operation) {
        List<String> roles = operation.getSecurity().get(0).getScheme(BEARER);
        operation.setSecurity(List.of(requirement(BEARER), requirement(COOKIE))); // neither scheme has scopes
        addResponse(operation, "401", "Unauthorized");
        addResponse(operation, "406", "NotAcceptable");
        addResponse(operation, "414", "UriTooLong");
        addResponse(operation, "431", "HeadersTooLarge");
        addResponse(operation, "500", "InternalServerError");
        addResponse(operation, "503", "ServiceUnavailable");
        if (method == HttpMethod.GET && roles.isEmpty()) {
            operation.getResponses().removeAPIResponse("403");
        } else {
            addResponse(operation, "403", "Forbidden");
        }
        List<Parameter> parameters = operation.getParameters() == null ? List.of() : operation.getParameters();
        if (!parameters.isEmpty()) {
            addResponse(operation, "400", "BadRequest");
        }
        if (parameters.stream().anyMatch(parameter -> parameter.getIn() == Parameter.In.PATH)) {
            addResponse(operation, "404", "NotFound");
        }
        if (operation.getRequestBody() != null) {
            addResponse(operation, "408", "RequestTimeout");
            addResponse(operation, "413", "ContentTooLarge");
            addResponse(operation, "415", "UnsupportedMediaType");
        }
        operation
                .getResponses()
                .setAPIResponses(new TreeMap<>(operation.getResponses().getAPIResponses()));
    }

    private static SecurityRequirement requirement(String scheme) {
        return OASFactory.createSecurityRequirement().addScheme(scheme, List.of());
    }

    private static void addResponse(Operation operation, String status, String name) {
        operation
                .getResponses()
                .addAPIResponse(status, OASFactory.createAPIResponse().ref(name));
    }
}
