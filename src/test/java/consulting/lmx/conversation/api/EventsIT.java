package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.EventClient.Event;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TcpProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two replicas of the packaged jar on one database. */
class EventsIT {

    private static final String DATABASE = TestServer.newDatabase();
    private static final String USER = "user";
    private static final String TOKEN = Tokens.of(USER);

    private static Service a;
    private static Service b;

    private final String id = "c-" + UUID.randomUUID();

    @BeforeAll
    static void start() throws IOException {
        a = Service.start(Service.settings(DATABASE));
        b = Service.start(Service.settings(DATABASE));
    }

    @BeforeEach
    void ready() {
        a.awaitReady();
        b.awaitReady();
    }

    @AfterAll
    static void stop() {
        a.close();
        b.close();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).drop();
        }
    }

    private HttpResponse<String> append(Service service, String content, String... headers) throws Exception {
        List<String> all = new ArrayList<>(List.of("Authorization", "Bearer " + TOKEN));
        all.addAll(List.of(headers));
        return service.post(
                "/api/conversation/" + id + "/message",
                "{\"content\": \"" + content + "\"}",
                all.toArray(String[]::new));
    }

    private EventClient listen(Service service, String... headers) throws Exception {
        return EventClient.open(service.uri("/api/conversation/" + id + "/events"), TOKEN, headers);
    }

    private static List<String> contents(List<Event> events) {
        return events.stream()
                .map(event -> JsonPath.from(event.data()).getString("content"))
                .toList();
    }

    private static List<String> numbered(int first, int last) {
        return IntStream.rangeClosed(first, last).mapToObj(i -> "m" + i).toList();
    }

    @Test
    void eventsOfOneReplicaArriveAtTheOtherInOrder() throws Exception {
        append(a, "m0");
        try (EventClient there = listen(b);
                EventClient here = listen(a)) {
            for (int i = 1; i <= 100; i++) {
                assertThat(append(i % 3 == 0 ? b : a, "m" + i).statusCode()).isEqualTo(200);
            }
            assertThat(contents(there.await(100))).isEqualTo(numbered(1, 100));
            assertThat(contents(here.await(100))).isEqualTo(numbered(1, 100));
        }
    }

    @Test
    void listenerOfAReplicaThatIsKilledResumesAtTheOtherWithNoneMissedOrDoubled() throws Exception {
        append(b, "m0");
        List<String> heard = new ArrayList<>();
        String last;
        try (Service killed = Service.start(Service.settings(DATABASE)).awaitReady();
                EventClient client = listen(killed)) {
            CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
                for (int i = 1; i <= 120; i++) {
                    try {
                        append(b, "m" + i);
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                }
            });
            client.await(30);
            killed.process().destroyForcibly().waitFor();
            client.awaitEnd();
            heard.addAll(contents(client.events()));
            last = client.events().get(heard.size() - 1).id();
            try (EventClient again = listen(a, "Last-Event-ID", last)) {
                writer.join();
                heard.addAll(contents(again.await(120 - heard.size())));
            }
        }
        assertThat(heard).isEqualTo(numbered(1, 120));
    }

    @Test
    void listenersHearAgainWhatCameWhileTheDatabaseWasOutOfReach() throws Exception {
        append(b, "m0");
        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri())) {
            settings.put("MONGODB_URI", proxy.uri());
            settings.put("QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT", "1S");
            try (Service cutOff = Service.start(settings).awaitReady();
                    EventClient client = listen(cutOff)) {
                append(b, "m1");
                client.await(1);
                await("all is read: what is cut is the change feed alone")
                        .during(Duration.ofMillis(500))
                        .until(() -> connectionsInUse(cutOff) <= 1);
                proxy.cut();
                await("longer than the driver itself tries again")
                        .atMost(Duration.ofSeconds(60))
                        .until(() -> cutOff.log().contains("event=change-feed-lost"));
                append(b, "m2");
                proxy.restore();
                client.await(2);
                append(b, "m3");
                assertThat(contents(client.await(3))).isEqualTo(numbered(1, 3));
            }
        }
    }

    private static double connectionsInUse(Service service) throws Exception {
        return service.get("/q/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith("mongodb_driver_pool_checkedout{"))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .sum();
    }

    @Test
    void parallelCallsUnderOneKeyMakeOneEffectOnTwoReplicas() throws Exception {
        append(a, "first");
        ExecutorService pool = Executors.newFixedThreadPool(10);
        try {
            List<Future<HttpResponse<String>>> answers = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                Service service = i % 2 == 0 ? a : b;
                answers.add(pool.submit(() -> append(service, "once", "Idempotency-Key", "key-of-ten")));
            }
            List<String> bodies = new ArrayList<>();
            for (Future<HttpResponse<String>> answer : answers) {
                assertThat(answer.get().statusCode()).isEqualTo(200);
                bodies.add(answer.get().body());
            }
            assertThat(bodies).containsOnly(bodies.get(0));
        } finally {
            pool.shutdown();
        }
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            Document stored = client.getDatabase(DATABASE)
                    .getCollection(ConversationFields.COLLECTION)
                    .find(new Document("conversationId", id))
                    .first();
            assertThat(stored.getList("messages", Document.class))
                    .extracting(message -> message.getString("content"))
                    .containsExactly("first", "once");
        }
    }

    @Test
    void stoppingReplicaTellsListenersToReconnect() throws Exception {
        append(b, "m0");
        Service stopped = Service.start(Service.settings(DATABASE)).awaitReady();
        try (EventClient client = listen(stopped)) {
            stopped.close();
            assertThat(client.awaitEnd().all().get(0).retry()).isEqualTo("1000");
            assertThat(stopped.process().exitValue()).isIn(0, 143);
        }
    }
}
