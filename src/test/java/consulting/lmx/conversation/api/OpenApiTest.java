package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.Error;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import consulting.lmx.conversation.problem.ErrorCode;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The committed description equals the one that the service serves. {@code -Dopenapi.write=true} updates the file. */
@QuarkusTest
class OpenApiTest {

    private static final Path COMMITTED = Path.of("openapi.yaml");
    private static final Set<String> METHODS = Set.of("get", "post", "put", "patch", "delete");

    private static JsonNode served() throws IOException {
        return new ObjectMapper()
                .readTree(given().get("/q/openapi?format=json").then().extract().asString());
    }

    private static Stream<Map.Entry<String, JsonNode>> operations(JsonNode api) {
        return api.get("paths").properties().stream()
                .flatMap(path -> path.getValue().properties().stream()
                        .filter(member -> METHODS.contains(member.getKey()))
                        .map(operation -> Map.entry(operation.getKey() + " " + path.getKey(), operation.getValue())));
    }

    @Test
    void committedDescriptionIsThatOfTheCode() throws IOException {
        String served =
                given().get("/q/openapi").then().statusCode(200).extract().asString();
        if (Boolean.getBoolean("openapi.write")) {
            Files.writeString(COMMITTED, served);
        }
        assertThat(served)
                .as("openapi.yaml is not what the code describes: ./mvnw test -Dtest=OpenApiTest -Dopenapi.write=true")
                .isEqualTo(Files.readString(COMMITTED));
    }

    /** A route that only META-INF/openapi.yaml has would lack its operation id; one that only the code has, its tag. */
    @Test
    void everyRouteIsOfTheCodeAndIsDescribed() throws IOException {
        assertThat(operations(served())).hasSizeGreaterThan(10).allSatisfy(route -> {
            JsonNode operation = route.getValue();
            assertThat(operation.path("operationId").asText())
                    .as(route.getKey())
                    .isNotEmpty();
            assertThat(operation.path("summary").asText()).as(route.getKey()).isNotEmpty();
            assertThat(operation.path("tags").size()).as(route.getKey()).isEqualTo(1);
            assertThat(operation.get("responses").fieldNames())
                    .toIterable()
                    .as(route.getKey())
                    .contains("401", "500", "503")
                    .anyMatch(status -> status.startsWith("2"));
            operation
                    .path("parameters")
                    .forEach(parameter -> assertThat(
                                    parameter.path("description").asText())
                            .as(route.getKey() + " " + parameter.get("name"))
                            .isNotEmpty());
        });
    }

    @Test
    void everyReferenceLeadsSomewhere() throws IOException {
        JsonNode api = served();
        List<String> references = api.findValuesAsText("$ref");
        assertThat(references)
                .hasSizeGreaterThan(50)
                .allSatisfy(
                        reference -> assertThat(api.at(reference.substring(1)).isMissingNode())
                                .as(reference)
                                .isFalse());
    }

    @ParameterizedTest
    @EnumSource(value = ErrorCode.class, mode = EnumSource.Mode.EXCLUDE, names = "METHOD_NOT_ALLOWED") // of no route
    void everyErrorIsDescribed(ErrorCode code) throws IOException {
        assertThat(served().at("/components/responses"))
                .extracting(response -> response.at("/content/application~1problem+json"))
                .anySatisfy(problem -> {
                    assertThat(problem.at("/schema/properties/code/enum"))
                            .extracting(JsonNode::asText)
                            .contains(code.code());
                    JsonNode example = problem.path("example");
                    assertThat(example.path("status").asInt()).isEqualTo(code.status());
                    assertThat(example.path("title").asText()).isEqualTo(code.title());
                    assertThat(example.has("errorId")).isEqualTo(code.status() >= 500);
                });
    }

    @Test
    void everyExampleIsOfItsSchema() throws IOException {
        JsonNode api = served();
        Map<JsonNode, JsonNode> examples = api.findParents("schema").stream()
                .flatMap(described -> examples(described).map(example -> Map.entry(example, described.get("schema"))))
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue, (one, same) -> one));
        assertThat(examples).hasSizeGreaterThan(30).allSatisfy((example, schema) -> {
            ObjectNode root = api.deepCopy();
            root.setAll((ObjectNode) schema);
            List<Error> errors = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12)
                    .getSchema(root)
                    .validate(example);
            assertThat(errors).as(example.toString()).isEmpty();
        });
    }

    private static Stream<JsonNode> examples(JsonNode described) {
        return Stream.concat(
                described.path("examples").findValues("value").stream(),
                Stream.of(described.path("example")).filter(example -> !example.isMissingNode()));
    }
}
