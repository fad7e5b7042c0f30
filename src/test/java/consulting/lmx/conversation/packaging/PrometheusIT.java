package consulting.lmx.conversation.packaging;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.Programs;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A real Prometheus scrapes the packaged jar under traffic, with the alert rules and the expressions of the dashboard. */
class PrometheusIT {

    private static final Path MONITORING = Path.of("src/main/monitoring").toAbsolutePath();
    private static final String DATABASE = TestServer.newDatabase();
    private static final String[] ANN = {"Authorization", "Bearer " + Tokens.of("ann")};

    @TempDir
    static Path folder;

    private static Service service;
    private static Process prometheus;
    private static String api;

    @BeforeAll
    static void start() throws IOException {
        int port = MongodProcess.freePort();
        api = "http://127.0.0.1:" + port + "/api/v1/";
        service = Service.start(Service.settings(DATABASE));
        Files.writeString(folder.resolve("prometheus.yml"), """
                global: {scrape_interval: 1s, evaluation_interval: 1s}
                rule_files: ['%s']
                scrape_configs:
                  - job_name: conversation-service
                    metrics_path: /q/metrics
                    static_configs: [{targets: ['%s']}]
                """.formatted(
                        MONITORING.resolve("alerts.yml"), service.uri("").getAuthority()));
        prometheus = Programs.start(
                folder,
                "prometheus",
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--web.listen-address=127.0.0.1:" + port);
        service.awaitReady();
    }

    @AfterAll
    static void stop() throws InterruptedException {
        service.close();
        if (prometheus != null) {
            prometheus.destroy();
            prometheus.waitFor();
        }
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).drop();
        }
    }

    private static void call() throws Exception {
        String started = service.post("/api/conversation/start", "{}", ANN).body();
        String path = "/api/conversation/" + JsonPath.from(started).getString("conversationId");
        assertThat(service.post(path + "/message", "{\"content\": \"Hello\"}", ANN)
                        .statusCode())
                .isEqualTo(200);
        assertThat(service.get(path, ANN).statusCode()).isEqualTo(200);
    }

    private static List<Float> values(String expression) {
        return given().queryParam("query", expression)
                .get(api + "query")
                .then()
                .statusCode(200)
                .extract()
                .jsonPath()
                .getList("data.result.value.collect { it[1] }", Float.class);
    }

    @Test
    void eachExpressionOfTheDashboardHasData() throws IOException {
        List<String> expressions = JsonPath.from(Files.readString(MONITORING.resolve("dashboard.json")))
                .getList("panels.targets.expr.flatten()", String.class);
        assertThat(expressions).hasSizeGreaterThan(10);
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            call();
            assertThat(expressions).allSatisfy(expression -> {
                List<Float> values = values(expression.replace("$__rate_interval", "10s"));
                assertThat(values).isNotEmpty().doesNotContain(Float.NaN);
                if (expression.contains("rate(")) {
                    assertThat(values).anyMatch(value -> value > 0);
                }
            });
        });
    }

    @Test
    void eachAlertIsEvaluatedAndNoneIsRaised() {
        await().atMost(Duration.ofSeconds(60)).untilAsserted(() -> {
            call();
            List<Map<String, Object>> rules =
                    given().get(api + "rules").jsonPath().getList("data.groups.rules.flatten()");
            assertThat(rules)
                    .hasSizeGreaterThan(5)
                    .allSatisfy(rule ->
                            assertThat(rule).containsEntry("health", "ok").containsEntry("state", "inactive"));
        });
    }
}
