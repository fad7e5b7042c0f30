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
import java.net.ConnectException;
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

/**
 * SIGTERM under load: no request is lost. {@code -Dleaving.goes=20} tries it that often; with
 * {@code -Dleaving.untilRefused=true} the callers do not look at readiness, and go on until nobody listens.
 */
class GracefulShutdownIT {

    private static final int CONNECTIONS = 16;
    private static final int GOES = Integer.getInteger("leaving.goes", 2);
    private static final boolean UNTIL_REFUSED = Boolean.getBoolean("leaving.untilRefused");
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

    private static void assertLeft(Service service) throws InterruptedException {
        assertThat(service.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(service.process().exitValue()).isIn(0, 143);
    }

    /** What one caller saw: how many messages were taken, how many of them after SIGTERM, and what went wrong. */
    private record Seen(String conversation, int taken, int late, List<String> lost) {}

    @Test
    void noRequestIsLostOnBusyConnections() throws Exception {
        for (int go = 0; go < GOES; go++) {
            try (Service service = start("3S")) {
                leaveUnderLoad(service);
            }
        }
    }

    private void leaveUnderLoad(Service service) throws Exception {
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
        await("what comes is answered").until(() -> answers.get() > atTheSignal + 5 * CONNECTIONS);
        over.set(true);

        List<Seen> all = new ArrayList<>();
        for (Future<Seen> call : calls) {
            all.add(call.get(60, TimeUnit.SECONDS));
        }
        assertLeft(service);
        System.out.printf(
                "Left under load: %d messages taken, %d of them after SIGTERM, %d lost%n",
                all.stream().mapToInt(Seen::taken).sum(),
                all.stream().mapToInt(Seen::late).sum(),
                all.stream().mapToInt(seen -> seen.lost().size()).sum());
        assertThat(all).allSatisfy(seen -> {
            assertThat(seen.lost()).isEmpty();
            assertThat(seen.late()).isPositive();
            assertThat(stored(seen.conversation())).isEqualTo(seen.taken());
        });
    }

    /** Sends one message after the other, on a connection for as long as it is kept. */
    private static Seen call(Service service, AtomicInteger answers, AtomicBoolean signalled, AtomicBoolean over) {
        String conversation = "leaving-" + UUID.randomUUID();
        String path = "/api/conversation/" + conversation + "/message";
        String token = Tokens.of("ann");
        int taken = 0;
        int late = 0;
        List<String> lost = new ArrayList<>();
        while (UNTIL_REFUSED || !over.get()) {
            try (RawConnection connection = new RawConnection(service.uri("/"))) {
                boolean kept = true;
                while (kept) {
                    boolean afterTheSignal = signalled.get();
                    Answer answer = connection.post(path, token, HELLO);
                    if (answer.status() == 200 || answer.status() == 201) {
                        taken++;
                        late += afterTheSignal ? 1 : 0;
                        answers.incrementAndGet();
                    } else {
                        lost.add(answer.toString());
                    }
                    kept = !answer.last();
                }
            } catch (ConnectException e) {
                if (UNTIL_REFUSED && signalled.get()) {
                    break;
                }
                lost.add(e.toString());
            } catch (IOException e) {
                lost.add(e.toString());
            }
        }
        return new Seen(conversation, taken, late, lost);
    }

    private int stored(String conversation) {
        Document found = client.getDatabase(name)
                .getCollection("conversations")
                .find(Filters.eq("conversationId", conversation))
                .first();
        return found == null ? 0 : found.getList("messages", Document.class).size();
    }

    @Test
    void requestInFlightIsAnsweredAfterThePortIsClosed() throws Exception {
        try (Service service = start("1S");
                RawConnection slow = new RawConnection(service.uri("/"))) {
            slow.begin("/api/conversation/slow/message", Tokens.of("ann"), HELLO);
            service.process().destroy();
            await("the port is closed").pollInterval(Duration.ofMillis(50)).until(() -> isRefused(service));
            assertThat(service.process().isAlive()).isTrue();
            assertThat(slow.end(HELLO).status()).isEqualTo(201);
            assertLeft(service);
            assertThat(stored("slow")).isEqualTo(1);
        }
    }

    private static boolean isRefused(Service service) throws IOException {
        try {
            new RawConnection(service.uri("/")).close();
            return false;
        } catch (ConnectException e) {
            return true;
        }
    }
}
