package consulting.lmx.conversation;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The alert rules and the dashboard speak of metrics that there are. */
@QuarkusTest
class MonitoringTest {

    private static final Path FOLDER = Path.of("src/main/monitoring");
    private static final Pattern METRIC = Pattern.compile("\\b(?:conversations|http_server|mongodb|jvm)_\\w+");
    private static final Pattern LABELS = Pattern.compile("\\b(conversations_\\w+)\\{(\\w+)[=!]");

    private static String served() {
        given().auth()
                .oauth2(Tokens.of("ann"))
                .contentType("application/json")
                .post("/api/conversation/start")
                .then()
                .statusCode(201);
        return given().get("/q/metrics").then().statusCode(200).extract().asString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"alerts.yml", "dashboard.json"})
    void eachMetricIsServed(String file) throws IOException {
        String text = Files.readString(FOLDER.resolve(file));
        Set<String> named = new TreeSet<>();
        for (Matcher metric = METRIC.matcher(text); metric.find(); ) {
            named.add(metric.group());
        }
        // Comes to be with the first one; WritePathsTest sees it.
        named.remove("conversations_session_id_generated_total");
        List<String> served = served().lines().toList();
        assertThat(named)
                .hasSizeGreaterThanOrEqualTo(4)
                .allSatisfy(name -> assertThat(served)
                        .as(name)
                        .anyMatch(line -> line.startsWith(name + "{") || line.startsWith(name + " ")));
    }

    @Test
    void labelsOfTheRulesAreServed() throws IOException {
        String served = served();
        Matcher rule = LABELS.matcher(Files.readString(FOLDER.resolve("alerts.yml")));
        assertThat(rule.results())
                .isNotEmpty()
                .allSatisfy(found ->
                        assertThat(served).containsPattern(found.group(1) + "\\{[^}]*" + found.group(2) + "=\""));
    }
}
