package consulting.lmx.conversation.mongo;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.LogCapture;
import consulting.lmx.conversation.testsupport.Tokens;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Traces of calls and of their database commands, without contents. */
@Tag("slow")
@QuarkusTest
@TestProfile(TracingTest.On.class)
class TracingTest {

    private static final String SECRET_WORDS = "words that only the database may know";

    public static class On implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("quarkus.otel.sdk.disabled", "false", "quarkus.otel.bsp.schedule.delay", "10ms");
        }
    }

    /** Collects the spans. */
    @Singleton
    static class Spans {
        @Produces
        @Singleton
        InMemorySpanExporter exporter() {
            return InMemorySpanExporter.create();
        }
    }

    @Inject
    InMemorySpanExporter exporter;

    private List<SpanData> spansOf(String trace) {
        return exporter.getFinishedSpanItems().stream()
                .filter(span -> span.getTraceId().equals(trace))
                .toList();
    }

    private static String newTrace() {
        return UUID.randomUUID().toString().replace("-", "");
    }

    @Test
    void commandsOfACallAreSpansWithoutContents() {
        String trace = newTrace();
        String id = "traced-" + UUID.randomUUID();
        as("ann")
                .header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                .contentType(ContentType.JSON)
                .body(Map.of("role", "user", "content", SECRET_WORDS))
                .post("/api/conversation/{id}/message", id)
                .then()
                .statusCode(201);

        await().atMost(Duration.ofSeconds(10))
                .until(() -> spansOf(trace).stream().anyMatch(span -> span.getKind() == SpanKind.SERVER));
        List<SpanData> commands = spansOf(trace).stream()
                .filter(span -> span.getKind() == SpanKind.CLIENT)
                .toList();
        SpanData call = spansOf(trace).stream()
                .filter(span -> span.getKind() == SpanKind.SERVER)
                .findFirst()
                .orElseThrow();
        assertThat(call.getParentSpanId()).isEqualTo("00f067aa0ba902b7");
        assertThat(commands).isNotEmpty();
        assertThat(commands).allSatisfy(command -> {
            assertThat(command.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
            assertThat(command.hasEnded()).isTrue();
            assertThat(command.getAttributes().asMap().toString())
                    .contains("db.system.name=mongodb", "db.collection.name=conversations", "server.port=")
                    .contains("db.operation.name=" + command.getName());
        });
        assertThat(exporter.getFinishedSpanItems().toString())
                .doesNotContain(SECRET_WORDS)
                .doesNotContain(Tokens.SECRET);
    }

    @Test
    void subsequentCommandsBelongToTheSameTrace() {
        String trace = newTrace();
        as("ann")
                .header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                .header("Idempotency-Key", UUID.randomUUID())
                .contentType(ContentType.JSON)
                .body(Map.of("role", "user", "content", "Hello"))
                .post("/api/conversation/{id}/message", "traced-" + UUID.randomUUID())
                .then()
                .statusCode(201);
        await("the read and the append that follows it")
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(spansOf(trace))
                        .filteredOn(span -> span.getKind() == SpanKind.CLIENT)
                        .extracting(SpanData::getName)
                        .containsExactlyInAnyOrder("aggregate", "findAndModify"));
    }

    /** Some of many concurrent calls share an operation. Its command is in the trace of one of them. */
    @Test
    void callsThatShareAnOperationLinkToItsTrace() {
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            List<String> traces =
                    Stream.generate(TracingTest::newTrace).limit(40).toList();
            List<CompletableFuture<Void>> calls = traces.stream()
                    .map(trace -> CompletableFuture.runAsync(() -> as("ann")
                            .header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                            .get("/api/conversation/{id}", "missing-" + trace)
                            .then()
                            .statusCode(404)))
                    .toList();
            calls.forEach(CompletableFuture::join);
            await().until(() -> traces.stream()
                    .allMatch(trace -> spansOf(trace).stream().anyMatch(span -> span.getKind() == SpanKind.SERVER)));
            List<LinkData> links = traces.stream()
                    .flatMap(trace -> spansOf(trace).stream())
                    .flatMap(span -> span.getLinks().stream())
                    .toList();
            assertThat(links)
                    .allSatisfy(link -> assertThat(spansOf(link.getSpanContext().getTraceId()))
                            .anyMatch(span -> span.getKind() == SpanKind.CLIENT
                                    && span.getParentSpanId()
                                            .equals(link.getSpanContext().getSpanId())));
            return !links.isEmpty();
        });
    }

    @Test
    void commandsOutsideOfCallsAreNotTraced() {
        assertThat(exporter.getFinishedSpanItems())
                .filteredOn(span -> span.getKind() == SpanKind.CLIENT)
                .allSatisfy(span ->
                        assertThat(span.getParentSpanContext().isValid()).isTrue());
    }

    @Test
    void logRecordsOfACallHaveItsTrace() {
        String trace = newTrace();
        try (LogCapture log = new LogCapture("")) {
            await("one rejection in ten seconds is logged")
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> {
                        as("ann")
                                .header("traceparent", "00-" + trace + "-00f067aa0ba902b7-01")
                                .get("/api/conversation/{id}", UUID.randomUUID())
                                .then()
                                .statusCode(404);
                        return log.records("event=request-rejected").stream()
                                .anyMatch(entry -> trace.equals(entry.getMdc("traceId")));
                    });
        }
    }
}
