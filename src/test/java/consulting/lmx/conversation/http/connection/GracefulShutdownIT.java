package consulting.lmx.conversation.http.connection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.RawConnection;
import consulting.lmx.conversation.testsupport.RawConnection.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** SIGTERM under load: callers that follow readiness lose no request. {@code -Dshutdown.rounds=20} repeats it. */
class GracefulShutdownIT {

    private static final int CONNECTIONS = 16;
    private static final int ROUNDS = Integer.getInteger("shutdown.rounds", 2);
    private static final String HELLO = "{\"content\": \"Hello\"}";

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final ExecutorService callers = Executors.newFixedThreadPool(CONNECTIONS);

    @AfterEach
    void drop() {
        callers.shutdownNow();
        client.getDatabase(name).drop();
        client.close();
    }

    private Service start(String delay) throws IOException {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.put("QUARKUS_SHUTDOWN_DELAY", delay);
        return Service.start(settings).awaitReady();
    }

    private static void assertExited(Service service) throws InterruptedException {
        assertThat(service.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(service.process().exitValue()).isIn(0, 143);
    }

    /** What one caller saw: accepted messages, those of them after SIGTERM, and failures. */
    private record Seen(String conversation, int accepted, int late, List<String> lost) {}

    @Test
    void noRequestIsLostOnBusyConnections() throws Exception {
        for (int round = 0; round < ROUNDS; round++) {
            try (Service service = start("3S")) {
                shutDownUnderLoad(service);
            }
        }
    }

    private void shutDownUnderLoad(Service service) throws Exception {
        AtomicInteger answers = new AtomicInteger();
        AtomicBoolean signalled = new AtomicBoolean();
        AtomicBoolean over = new AtomicBoolean();
        List<Future<Seen>> calls = IntStream.range(0, CONNECTIONS)
                .mapToObj(i -> callers.submit(() -> call(service, answers, signalled, over)))
                .toList();
        await().atMost(Duration.ofSeconds(60)).until(() -> answers.get() > 50 * CONNECTIONS);

        signalled.set(true);
        service.process().destroy();
        await("readiness is DOWN")
                .pollInterval(Duration.ofMillis(20))
                .until(() -> service.status("/q/health/ready") == 503);
        assertThat(service.status("/q/health/live")).isEqualTo(200);
        int atTheSignal = answers.get();
        await("the service still answers").until(() -> answers.get() > atTheSignal + 5 * CONNECTIONS);
        over.set(true);

        List<Seen> all = new ArrayList<>();
        for (Future<Seen> call : calls) {
            all.add(call.get(60, TimeUnit.SECONDS));
        }
        assertExited(service);
        System.out.printf(
                "Shutdown under load: %d messages accepted, %d of them after SIGTERM, %d lost%n",
                all.stream().mapToInt(Seen::accepted).sum(),
                all.stream().mapToInt(Seen::late).sum(),
                all.stream().mapToInt(seen -> seen.lost().size()).sum());
        assertThat(all).allSatisfy(seen -> {
            assertThat(seen.lost()).isEmpty();
            assertThat(seen.late()).isPositive();
            assertThat(stored(seen.conversation())).isEqualTo(seen.accepted());
        });
    }

    /** Sends one message after the other. Opens a new connection when the service closes the last one. */
    private static Seen call(Service service, AtomicInteger answers, AtomicBoolean signalled, AtomicBoolean over) {
        String conversation = "shutdown-" + UUID.randomUUID();
        String path = "/api/conversation/" + conversation + "/message";
        String token = Tokens.of("ann");
        int accepted = 0;
        int late = 0;
        List<String> lost = new ArrayList<>();
        while (!over.get()) {
            try (RawConnection connection = new RawConnection(service.uri("/"))) {
                boolean kept = true;
                while (kept) {
                    boolean afterTheSignal = signalled.get();
                    Answer answer = connection.post(path, token, HELLO);
                    if (answer.status() == 200 || answer.status() == 201) {
                        accepted++;
                        late += afterTheSignal ? 1 : 0;
                        answers.incrementAndGet();
                    } else {
                        lost.add(answer.toString());
                    }
                    kept = !answer.last();
                }
            } catch (IOException e) {
                lost.add(e.toString());
            }
        }
        return new Seen(conversation, accepted, late, lost);
    }

    private int stored(String conversation) {
        Document found = client.getDatabase(name)
                .getCollection("conversations")
                .find(Filters.eq("conversationId", conversation))
                .first();
        return found == null ? 0 : found.getList("messages", Document.class).size();
    }

    @Test
    void requestInFlightIsAnsweredAfterTheDelay() throws Exception {
        try (Service service = start("1S");
                RawConnection slow = new RawConnection(service.uri("/"))) {
            slow.begin("/api/conversation/slow/message", Tokens.of("ann"), HELLO);
            service.process().destroy();
            await("the process waits longer than the delay")
                    .pollDelay(Duration.ofSeconds(2))
                    .until(() -> service.process().isAlive());
            assertThat(slow.end(HELLO).status()).isEqualTo(201);
            assertExited(service);
            assertThat(stored("slow")).isEqualTo(1);
        }
    }
}
