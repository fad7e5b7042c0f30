package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.RawConnection;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TcpProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** More calls than may run at once, and a database that accepts commands and sends no reply. */
class OverloadIT {

    private static final String START = "/api/conversation/start";
    private static final String RESERVED = "conversations_memory_reserved_bytes";
    private static final String[] ANN = {"Authorization", "Bearer " + Tokens.of("ann")};

    private final String name = TestServer.newDatabase();
    private final ExecutorService callers = Executors.newCachedThreadPool();

    @AfterEach
    void drop() {
        callers.shutdownNow();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(name).drop();
        }
    }

    private Service start(TcpProxy proxy, Map<String, String> more) throws IOException {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.put("MONGODB_URI", proxy.uri());
        settings.putAll(more);
        return Service.start(settings).awaitReady();
    }

    private static void awaitActive(Service service, int calls) {
        await("the calls are active")
                .until(() ->
                        service.get("/q/metrics").body().contains("conversations_requests_active " + calls + ".0"));
    }

    private static void assertRejected(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.headers().firstValue("Retry-After")).contains("1");
        assertThat(answer.headers().firstValue("Content-Type")).contains("application/problem+json");
        assertThat(Document.parse(answer.body()))
                .containsKeys("type", "title", "status", "detail", "instance", "errorId");
    }

    @Test
    void excessCallsAreRejectedAndAcceptedCallsAreAnswered() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = start(
                        proxy,
                        Map.of("CONVERSATIONS_REQUEST_MAX_CONCURRENT", "2", "CONVERSATIONS_REQUEST_TIMEOUT", "2M"))) {
            assertThat(service.post(START, "{}", ANN).statusCode()).isEqualTo(201);
            proxy.pause();
            List<Future<HttpResponse<String>>> taken = IntStream.range(0, 2)
                    .mapToObj(i -> callers.submit(() -> service.post(START, "{}", ANN)))
                    .toList();
            awaitActive(service, 2);

            HttpResponse<String> beyond = service.post(START, "{}", ANN);
            assertRejected(beyond);
            assertThat(beyond.body()).contains("overloaded");
            assertRejected(service.post(START, "not even JSON"));
            assertRejected(service.get("/api/session/x", ANN));
            assertThat(service.status("/q/health/live")).isEqualTo(200);
            assertThat(service.get("/api/admin/integrity", "Authorization", "Bearer " + Tokens.of("root", "admin"))
                            .statusCode())
                    .isEqualTo(200);

            proxy.restore();
            for (Future<HttpResponse<String>> call : taken) {
                assertThat(call.get().statusCode()).isEqualTo(201);
            }
            awaitActive(service, 0);
            assertThat(service.post(START, "{}", ANN).statusCode()).isEqualTo(201);
            assertThat(service.get("/q/metrics").body()).contains("conversations_requests_rejected_total 3.0");
            assertThat(service.log()).containsOnlyOnce("event=overloaded");
        }
    }

    @Test
    void slowSenderHoldsNoPlace() throws Exception {
        String body = "{\"content\": \"Hello\"}";
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = start(proxy, Map.of("CONVERSATIONS_REQUEST_MAX_CONCURRENT", "1"))) {
            List<RawConnection> slow = new ArrayList<>();
            double before = service.metric(RESERVED);
            try {
                for (int i = 0; i < 50; i++) {
                    RawConnection connection = new RawConnection(service.uri("/"));
                    slow.add(connection);
                    connection.begin("/api/conversation/slow/message", Tokens.of("ann"), body);
                }
                // a head that arrives while the other call runs would be rejected
                await("all bodies are awaited").until(() -> service.metric(RESERVED) == before + 50 * body.length());
                assertThat(service.post(START, "{}", ANN).statusCode()).isEqualTo(201);
                for (RawConnection connection : slow) {
                    assertThat(connection.end(body).status()).isIn(200, 201);
                }
            } finally {
                for (RawConnection connection : slow) {
                    connection.close();
                }
            }
        }
    }

    @Test
    void silentDatabaseIsA503AfterTheTimeout() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = start(
                        proxy, Map.of("CONVERSATIONS_REQUEST_TIMEOUT", "1S", "QUARKUS_MONGODB_MAX_POOL_SIZE", "2"))) {
            proxy.pause();
            List<Future<HttpResponse<String>>> calls = IntStream.range(0, 8)
                    .mapToObj(i -> callers.submit(() -> service.post(START, "{}", ANN)))
                    .toList();
            for (Future<HttpResponse<String>> call : calls) {
                assertRejected(call.get());
            }
            assertThat(service.status("/q/health/live")).isEqualTo(200);

            proxy.restore();
            await("the service recovers")
                    .until(() -> service.post(START, "{}", ANN).statusCode() == 201);
        }
    }

    @Test
    void listenerIsDisconnectedBySilentDatabaseAndResumes() throws Exception {
        String message = "{\"content\": \"" + "x".repeat(30_000) + "\"}";
        int messages = 300; // more than the buffers on the way take
        String events = "/api/conversation/c/events?after=";
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = start(
                        proxy, Map.of("CONVERSATIONS_REQUEST_TIMEOUT", "1S", "CONVERSATIONS_EVENTS_HEARTBEAT", "5M"));
                Socket listener = new Socket()) {
            for (int i = 0; i < messages; i++) {
                assertThat(service.post("/api/conversation/c/message", message, ANN)
                                .statusCode())
                        .isLessThan(300);
            }
            URI root = service.uri("/");
            listener.setReceiveBufferSize(4096);
            listener.connect(new InetSocketAddress(root.getHost(), root.getPort()));
            listener.setSoTimeout(30_000);
            listener.getOutputStream()
                    .write(("GET " + events + "-1 HTTP/1.1\r\nHost: x\r\n" + ANN[0] + ": " + ANN[1] + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            BufferedReader lines =
                    new BufferedReader(new InputStreamReader(listener.getInputStream(), StandardCharsets.UTF_8));
            assertThat(lines.readLine()).contains(" 200 ");

            proxy.pause();

            int last = -1;
            try {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    last = line.startsWith("id: ") ? Integer.parseInt(line.substring(4)) : last;
                }
            } catch (SocketException cut) {
                assertThat(cut).hasMessageContaining("reset");
            }
            assertThat(last).isLessThan(messages - 1);
            assertThat(service.log()).contains("event=response-aborted");
            proxy.restore();
            await("the service recovers")
                    .until(() -> service.post("/api/conversation/c/message", message, ANN)
                                    .statusCode()
                            < 300);
            try (EventClient again = EventClient.open(service.uri(events + last), Tokens.of("ann"))) {
                assertThat(again.await(1).get(0).id()).isEqualTo(String.valueOf(last + 1));
            }
        }
    }
}
