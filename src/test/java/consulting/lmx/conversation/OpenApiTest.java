package consulting.lmx.conversation;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The committed description is the one that the service gives. {@code -Dopenapi.write=true} writes it anew. */
@QuarkusTest
class OpenApiTest {

    private static final Path COMMITTED = Path.of("openapi.yaml");

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
}
