package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.MongoException;
import com.mongodb.WriteConcern;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Updates;
import consulting.lmx.conversation.testsupport.ReplicaSet;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Reads from a deposed primary and from a primary without a majority. */
class ReadBarrierIT {

    private static final String DATABASE = "deposed";
    private static final String PATH = "/api/conversation/c/message";
    private static final String[] ANN = {"Authorization", "Bearer " + Tokens.of("ann")};
    private static final int READERS = 8;
    private static final String QUICK = "&heartbeatFrequencyMS=500&connectTimeoutMS=1000&socketTimeoutMS=1000";

    private final ExecutorService readers = Executors.newFixedThreadPool(READERS);
    private volatile boolean enough;

    /** A read that began after the message was acknowledged. */
    private record Read(int status, int messages) {}

    @AfterEach
    void stop() {
        enough = true;
        readers.shutdownNow();
    }

    private static ReplicaSet start() {
        Optional<ReplicaSet> started = ReplicaSet.start();
        Assumptions.assumeTrue(started.isPresent(), "a replica set needs a mongod on the PATH");
        return started.get();
    }

    /** The paused primary does not know yet that another one was elected. */
    @Test
    void writeAcknowledgedByAnotherReplicaIsSeen() throws Exception {
        try (ReplicaSet set = start();
                MongoClient other = MongoClients.create(set.uri() + QUICK);
                // asks the nodes so seldom who the primary is that it still takes the old one for it
                Service service = Service.start(settings(set.uri() + "&heartbeatFrequencyMS=600000&minPoolSize=64"))
                        .awaitReady()) {
            begin(service);
            set.awaitHealthy();

            Runnable resume = set.pausePrimary();
            appendByAnotherReplica(other);
            Queue<Read> reads = new ConcurrentLinkedQueue<>();
            List<Future<?>> done = IntStream.range(0, READERS)
                    .<Future<?>>mapToObj(i -> readers.submit(() -> {
                        while (!enough) {
                            reads.add(read(service));
                        }
                        return null;
                    }))
                    .toList();
            await("the old primary holds unanswered reads").until(() -> reads.size() >= READERS);
            resume.run();
            await("the service recovers").atMost(Duration.ofSeconds(30)).until(() -> reads.contains(new Read(200, 2)));
            enough = true;
            for (Future<?> reader : done) {
                reader.get();
            }
            assertThat(reads).allSatisfy(read -> assertThat(read).isIn(new Read(200, 2), new Read(503, 0)));
        }
    }

    @Test
    void primaryWithoutMajorityIsNotTrusted() throws Exception {
        try (ReplicaSet set = start();
                Service service = Service.start(settings(set.uri())).awaitReady()) {
            begin(service);
            Runnable resume = set.pauseSecondaries();
            await("the last confirmation has expired").until(() -> read(service).equals(new Read(503, 0)));
            assertThat(service.status("/q/health/live")).isEqualTo(200);
            resume.run();
            await("the service recovers")
                    .atMost(Duration.ofSeconds(30))
                    .until(() -> read(service).equals(new Read(200, 1)));
        }
    }

    @Test
    void callersThatShareAConfirmationGetTheirOwnResponses() throws Exception {
        TestServer.assumeGenuine("the embedded server elects no primary");
        String database = TestServer.newDatabase();
        try (Service service = Service.start(Service.settings(database)).awaitReady()) {
            List<Future<HttpResponse<String>>> answers = IntStream.range(0, READERS)
                    .mapToObj(i -> readers.submit(() -> service.post("/api/conversation/start", "{}", ANN)))
                    .toList();
            for (Future<HttpResponse<String>> answer : answers) {
                assertThat(answer.get().statusCode()).as(answer.get().body()).isEqualTo(201);
                assertThat(answer.get().headers().firstValue("Location"))
                        .contains(service.uri("/api/conversation/"
                                        + Document.parse(answer.get().body()).getString("conversationId"))
                                .toString());
            }
        } finally {
            try (MongoClient client = MongoClients.create(TestServer.uri())) {
                client.getDatabase(database).drop();
            }
        }
    }

    private static Map<String, String> settings(String uri) {
        Map<String, String> settings = new HashMap<>(Service.settings(DATABASE));
        settings.put("MONGODB_URI", uri);
        settings.put("CONVERSATIONS_REQUEST_TIMEOUT", "1S");
        return settings;
    }

    /** A conversation with one message, and open connections. */
    private static void begin(Service service) {
        await("the first message is accepted")
                .until(() -> service.post(PATH, "{\"content\": \"first\"}", ANN[0], ANN[1], "Idempotency-Key", "first")
                                .statusCode()
                        < 300);
        await("the first message is read").until(() -> read(service).equals(new Read(200, 1)));
    }

    private static Read read(Service service) throws IOException, InterruptedException {
        HttpResponse<String> answer = service.get(PATH + "s", ANN);
        return new Read(
                answer.statusCode(),
                answer.statusCode() == 200
                        ? Document.parse(answer.body())
                                .getList("data", Document.class)
                                .size()
                        : 0);
    }

    /** Repeats until a node acknowledges it. */
    private static void appendByAnotherReplica(MongoClient client) {
        MongoCollection<Document> conversations =
                client.getDatabase(DATABASE).getCollection("conversations").withWriteConcern(WriteConcern.MAJORITY);
        Document message =
                new Document("role", "user").append("content", "second").append("timestamp", new Date());
        await("another primary accepts it")
                .atMost(Duration.ofSeconds(30))
                .ignoreExceptionsMatching(MongoException.class::isInstance)
                .until(() -> conversations
                        .updateOne(
                                Filters.and(Filters.eq("conversationId", "c"), Filters.size("messages", 1)),
                                Updates.push("messages", message))
                        .wasAcknowledged());
    }
}
