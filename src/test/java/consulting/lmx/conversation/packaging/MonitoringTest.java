package consulting.lmx.conversation.packaging;

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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The alert rules and the dashboard speak of metrics that there are. */
@QuarkusTest
class MonitoringTest {

    private static final Path FOLDER = Path.of("src/main/monitoring");
    private static final Pattern METRIC = Pattern.compile("\\b(?:conversations|http_server|mongodb|jvm|process)_\\w+");
    private static final Pattern MATCHED = Pattern.compile("(?<metric>" + METRIC + ")\\{(?<labels>[^}]+)}");
    private static final Pattern GROUPED =
            Pattern.compile("by \\((?<labels>[\\w, ]+)\\) \\((?:\\w+\\()?(?<metric>" + METRIC + ")");
    /** Comes to be with the first one; WritePathsTest sees it and its label. */
    private static final String WITH_THE_FIRST = "conversations_session_id_generated_total";

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
        named.remove(WITH_THE_FIRST);
        List<String> served = served().lines().toList();
        assertThat(named)
                .hasSizeGreaterThanOrEqualTo(4)
                .allSatisfy(name -> assertThat(served)
                        .as(name)
                        .anyMatch(line -> line.startsWith(name + "{") || line.startsWith(name + " ")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"alerts.yml", "dashboard.json"})
    void eachLabelIsServed(String file) throws IOException {
        String text = Files.readString(FOLDER.resolve(file)).replace("\\\"", "\"");
        String served = served();
        int found = 0;
        for (Pattern pattern : List.of(MATCHED, GROUPED)) {
            for (Matcher matcher = pattern.matcher(text); matcher.find(); ) {
                if (!matcher.group("metric").equals(WITH_THE_FIRST)) {
                    assertThat(labels(matcher.group("labels")))
                            .as(matcher.group())
                            .isNotEmpty()
                            .allSatisfy(label -> assertThat(served)
                                    .containsPattern(
                                            "(?m)^" + matcher.group("metric") + "\\{[^}]*\\b" + label + "=\""));
                    found++;
                }
            }
        }
        assertThat(found).isGreaterThanOrEqualTo(4);
    }

    /** Which the dashboard's percentiles need; each bucket is a series for each route, method and status. */
    @Test
    void timesOfCallsAreServedInFewBuckets() {
        given().get("/q/health/live").then().statusCode(200);
        given().auth().oauth2(Tokens.of("ann")).get("/api/conversation").then().statusCode(200);
        List<String> buckets = served().lines()
                .filter(line -> line.startsWith("http_server_requests_seconds_bucket{"))
                .toList();
        assertThat(buckets)
                .filteredOn(line -> line.contains("uri=\"/api/conversation\"")
                        && line.contains("method=\"GET\"")
                        && line.contains("status=\"200\""))
                .hasSize(9)
                .anyMatch(line -> line.contains("le=\"0.005\""))
                .anyMatch(line -> line.contains("le=\"5.0\""));
        assertThat(buckets).allMatch(line -> line.contains("uri=\"/api/"));
    }

    /** The names in {@code state="FAILED",uri=~"x"} and in {@code uri, method}. */
    private static List<String> labels(String list) {
        return Stream.of(list.replaceAll("\"[^\"]*\"", "").split(","))
                .map(label -> label.replaceAll("[=!~\\s]", ""))
                .toList();
    }
}
