package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Crowd;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Clients that try to exhaust the packaged jar, run with the JVM's arguments of the image. Throughout, each probe is answered
 * within a second and an ordinary caller is served; afterwards the memory is given back.
 */
class HostileLoadIT {

    private static final Duration LOAD = Duration.ofSeconds(8);
    private static final int BODY = 1 << 20;

    private final String database = TestServer.newDatabase();
    private Bystanders bystanders;

    @BeforeEach
    void start() throws IOException {
        Map<String, String> settings = new HashMap<>(Service.settings(database));
        settings.put("QUARKUS_LOG_CONSOLE_JSON_ENABLED", "false");
        bystanders = new Bystanders(settings);
    }

    @AfterEach
    void stop() {
        bystanders.close();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(database).drop();
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String get(String path) {
        return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }

    private static String getAs(String caller, String path) {
        return "GET " + path + " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + Tokens.of(caller) + "\r\n\r\n";
    }

    private static String post(String token, String framing) {
        return "POST /api/conversation/start HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + token
                + framing + "\r\n\r\n";
    }

    /** A body without its last bytes. */
    private static String unfinished(String token, boolean chunked) {
        String part = " ".repeat(BODY / 16);
        return chunked
                ? post(token, "Transfer-Encoding: chunked") + ("10000\r\n" + part + "\r\n").repeat(15) + "8000\r\n"
                : post(token, "Content-Length: " + BODY) + part.repeat(15);
    }

    private void load(int clients, IntFunction<String> sent) throws Exception {
        try (Crowd crowd = Crowd.of(clients, bystanders.port(), i -> bytes(sent.apply(i)))) {
            crowd.send(LOAD);
        }
        bystanders.assertUnharmed();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void stoppedBodiesWithoutTokens(boolean chunked) throws Exception {
        load(60, i -> unfinished("", chunked));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 6})
    void stoppedBodiesOfCallers(int callers) throws Exception {
        List<String> tokens = IntStream.range(0, callers)
                .mapToObj(i -> "Authorization: Bearer " + Tokens.of("mallory-" + i) + "\r\n")
                .toList();
        load(90, i -> unfinished(tokens.get(i % callers), i % 2 == 0));
    }

    @Test
    void stoppedHeads() throws Exception {
        load(1_500, i -> "GET /q/health/live HTTP/1.1\r\nHost: a\r\nX-A: " + "a".repeat(19_000));
    }

    @Test
    void stoppedHeadsWithManyShortHeaders() throws Exception {
        load(300, i -> "GET /q/health/live HTTP/1.1\r\nHost: a\r\n" + "a:\r\n".repeat(4_800));
    }

    @Test
    void connectionsWithoutARequest() throws Exception {
        try (Crowd crowd = Crowd.of(5_000, bystanders.port(), i -> new byte[0])) {
            crowd.send(LOAD);
            assertThat(crowd.open()).isLessThan(1_500);
        }
        bystanders.assertUnharmed();
    }

    @Test
    void pipelinedRequestsOfClientsThatReadNothing() throws Exception {
        load(50, i -> get("/q/metrics").repeat(2_000));
    }

    @Test
    void unreadResponses() throws Exception {
        load(1_200, i -> get("/q/openapi"));
    }

    /** Stores a conversation with 300 messages of 32 KiB for each caller. */
    private void storeLongMessages(int callers) {
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            Document message = new Document("role", "user")
                    .append("content", "x".repeat(32_000))
                    .append("timestamp", new Date());
            for (int i = 0; i < callers; i++) {
                client.getDatabase(database)
                        .getCollection("conversations")
                        .insertOne(new Document("conversationId", "long-" + i)
                                .append("sessionId", UUID.randomUUID().toString())
                                .append("userId", "mallory-" + i)
                                .append("messages", Collections.nCopies(300, message))
                                .append("createdAt", new Date())
                                .append("updatedAt", new Date()));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/messages?limit=100", "/export", "/events?after=-1"})
    void unreadLongMessagesOfSixCallers(String route) throws Exception {
        int callers = 6;
        storeLongMessages(callers);
        load(120, i -> getAs("mallory-" + i % callers, "/api/conversation/long-" + i % callers + route));
    }

    @Test
    void drippingBodyIsAnsweredInTime() throws Exception {
        try (RawHttp client = new RawHttp(bystanders.port())) {
            client.write(
                    bytes(post("Authorization: Bearer " + Tokens.of("mallory") + "\r\n", "Content-Length: " + BODY)));
            ScheduledExecutorService drip = Executors.newSingleThreadScheduledExecutor();
            drip.scheduleAtFixedRate(() -> drip(client), 0, 100, TimeUnit.MILLISECONDS);
            Answer answer = client.answer();
            drip.shutdownNow();
            Scene.assertAnswered(answer, "408");
            assertThat(answer.header("Connection")).contains("close");
        }
        bystanders.assertUnharmed();
    }

    private static void drip(RawHttp client) {
        try {
            client.write(bytes(" "));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void unknownMethodsAndPathsAddNoSeries() throws Exception {
        int each = 2_000;
        for (Function<Integer, String> made : List.<Function<Integer, String>>of(
                i -> get("/api/x;" + i),
                i -> get("/made-up-" + i),
                i -> get("/console/../" + i),
                i -> get("/api/conversation/" + i),
                i -> "M" + i + " /api/conversation HTTP/1.1\r\nHost: a\r\n\r\n")) {
            String all = IntStream.range(0, each).mapToObj(made::apply).collect(Collectors.joining());
            try (RawHttp http = new RawHttp(bystanders.port())) {
                http.write(bytes(all.substring(0, all.length() - 2) + "Connection: close\r\n\r\n"));
                assertThat(http.answers()).hasSize(each);
            }
        }
        bystanders.assertUnharmed();
        String metrics = bystanders.service.get("/q/metrics").body();
        assertThat(metrics.lines().filter(line -> line.startsWith("http_server_requests_seconds_count")))
                .hasSizeLessThan(30)
                .anyMatch(line -> line.contains("uri=\"/api/conversation/{conversationId}/message\""))
                .anyMatch(line -> line.contains("method=\"UNKNOWN\""));
        assertThat(metrics.lines()).hasSizeLessThan(2_000);
    }

    @Test
    void lineBreaksOfCallersForgeNoLogLine() throws Exception {
        for (String path :
                List.of("/api/conversation/a%0AFORGED", "/api/%0D%0AFORGED", "/%0AFORGED", "/api/a%0AFORGED;")) {
            RawHttp.send(bystanders.port(), "GET " + path + " HTTP/1.1", new byte[0]);
            RawHttp.send(
                    bystanders.port(),
                    "GET " + path + " HTTP/1.1\nAuthorization: Bearer " + Tokens.of("a\nFORGED"),
                    new byte[0]);
        }
        assertThat(bystanders.service.log().lines())
                .noneMatch(line -> line.strip().startsWith("FORGED"));
    }
}
