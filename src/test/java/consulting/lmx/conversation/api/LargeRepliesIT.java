package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoDatabase;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bson.Document;
import org.bson.types.ObjectId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Callers that request as much as they can, at once or without reading it, from a service with the image's heap. */
class LargeRepliesIT {

    private static final int LONGEST = 32 * 1024;

    private final String name = TestServer.newDatabase();
    private final ExecutorService callers = Executors.newCachedThreadPool();
    private MongoClient client;
    private Service service;

    @BeforeEach
    void start() throws Exception {
        client = MongoClients.create(TestServer.uri());
        service = Service.startAsInTheImage(Service.settings(name)).awaitReady();
    }

    @AfterEach
    void stop() {
        callers.shutdownNow();
        service.close();
        client.getDatabase(name).drop();
        client.close();
    }

    private static String[] as(String caller) {
        return new String[] {"Authorization", "Bearer " + Tokens.of(caller)};
    }

    private static Document message(int i, String text) {
        return new Document("role", "user").append("content", text).append("timestamp", new Date(i));
    }

    private static List<Document> messages(int from, int to, String text) {
        return IntStream.range(from, to).mapToObj(i -> message(i, text)).toList();
    }

    /** Stores a conversation with its oldest {@code offloaded} messages in blocks of 100. */
    private void store(String id, String user, int offloaded, List<Document> inline, String text) {
        MongoDatabase database = client.getDatabase(name);
        ObjectId key = new ObjectId();
        for (int first = 0; first < offloaded; first += 100) {
            database.getCollection("conversation_blocks")
                    .insertOne(new Document("_id", new Document("conversation", key).append("first", first))
                            .append("messages", messages(first, first + 100, text)));
        }
        Document conversation = new Document("_id", key)
                .append("conversationId", id)
                .append("sessionId", "s-" + id)
                .append("userId", user)
                .append("messages", inline)
                .append("createdAt", new Date())
                .append("updatedAt", new Date());
        if (offloaded > 0) {
            conversation.append("movedMessages", offloaded);
        }
        database.getCollection("conversations").insertOne(conversation);
    }

    /** Ordinary calls succeed, and the process has not restarted. */
    private void assertServes() throws Exception {
        assertThat(service.process().isAlive()).as(service.log()).isTrue();
        assertThat(service.status("/q/health/live")).isEqualTo(200);
        await().atMost(Duration.ofSeconds(20))
                .until(() -> service.post("/api/conversation/start", "{}", as("ordinary"))
                                .statusCode()
                        == 201);
    }

    private void assertAllAnswered(int calls, String path, String... headers) throws Exception {
        List<Future<HttpResponse<String>>> answers = IntStream.range(0, calls)
                .mapToObj(i -> callers.submit(() -> service.get(path, headers)))
                .toList();
        int whole = 0;
        for (Future<HttpResponse<String>> answer : answers) {
            assertThat(answer.get().statusCode()).isIn(200, 503);
            whole += answer.get().statusCode() == 200 ? 1 : 0;
        }
        assertThat(whole).isPositive();
    }

    @Test
    void manyReadsOfLongMessagesAtOnce() throws Exception {
        store("long", "ann", 0, messages(0, 290, "x".repeat(LONGEST)), null);
        store("control", "ann", 0, messages(0, 290, "\0".repeat(LONGEST)), null);
        store("wide", "ann", 0, messages(0, 100, "\u20ac".repeat(LONGEST / 3)), null);
        for (String id : List.of("long", "control", "wide")) {
            String path = "/api/conversation/" + id;
            for (int calls : List.of(8, 60)) {
                assertAllAnswered(calls, path, as("ann"));
                assertAllAnswered(calls, path + "/messages?before=200", as("ann"));
                assertAllAnswered(calls, "/api/session/s-" + id, as("ann"));
            }
        }
        assertServes();
    }

    @Test
    void fewTinyMessagesBeforeManyLongOnes() throws Exception {
        String text = "x".repeat(LONGEST);
        store("tiny", "ann", 1_000, messages(1_000, 1_001, "the last"), text);
        client.getDatabase(name)
                .getCollection("conversation_blocks")
                .updateOne(
                        new Document("_id.first", 0),
                        new Document(
                                "$set",
                                new Document("messages.0.content", "a")
                                        .append("messages.1.content", "b")
                                        .append("messages.2.content", "c")));
        String path = "/api/conversation/tiny";
        List<Future<HttpResponse<String>>> exports = IntStream.range(0, 4)
                .mapToObj(i -> callers.submit(() -> service.get(path + "/export", as("ann"))))
                .toList();
        for (Future<HttpResponse<String>> export : exports) {
            assertThat(export.get().statusCode()).isEqualTo(200);
            List<Document> read = Document.parse(export.get().body()).getList("messages", Document.class);
            assertThat(read).hasSize(1_001);
            assertThat(read.get(2).getString("content")).isEqualTo("c");
            assertThat(read.get(1_000).getString("content")).isEqualTo("the last");
        }
        assertAllAnswered(30, path + "/messages?after=-1", as("ann"));
        assertAllAnswered(30, path + "/messages?before=700", as("ann"));
        assertServes();
    }

    @Test
    void manyReadersWhoTakeNothing() throws Exception {
        store("long", "ann", 500, messages(500, 700, "x".repeat(LONGEST)), "x".repeat(LONGEST));
        List<RawHttp> readers = new ArrayList<>();
        try {
            for (int i = 0; i < 60; i++) {
                readers.add(new RawHttp(service.uri("/").getPort())
                        .request(
                                "GET /api/conversation/long" + (i % 2 == 0 ? "/export" : "")
                                        + " HTTP/1.1\nAuthorization: Bearer " + Tokens.of("ann"),
                                new byte[0]));
            }
            assertServes();
        } finally {
            for (RawHttp reader : readers) {
                reader.close();
            }
        }
        assertServes();
        assertAllAnswered(4, "/api/conversation/long", as("ann"));
    }

    @Test
    void manyListenersWhoTakeNothing() throws Exception {
        List<RawHttp> listeners = new ArrayList<>();
        try {
            for (int caller = 0; caller < 6; caller++) {
                store("long-" + caller, "user-" + caller, 0, messages(0, 290, "x".repeat(LONGEST)), null);
                for (int i = 0; i < 20; i++) {
                    listeners.add(new RawHttp(service.uri("/").getPort())
                            .request(
                                    "GET /api/conversation/long-" + caller
                                            + "/events?after=-1 HTTP/1.1\nAuthorization: Bearer "
                                            + Tokens.of("user-" + caller),
                                    new byte[0]));
                }
            }
            assertServes();
        } finally {
            for (RawHttp listener : listeners) {
                listener.close();
            }
        }
        assertServes();
    }

    @Test
    void longListOfConversationsWithUnknownFields() throws Exception {
        String unknown = "x".repeat(1024 * 1024);
        for (int i = 0; i < 30; i++) {
            store("c" + i, "ann", 0, messages(0, 3, "short"), null);
        }
        client.getDatabase(name)
                .getCollection("conversations")
                .updateMany(
                        new Document(), new Document("$set", new Document("notes", unknown).append("more", unknown)));
        assertAllAnswered(40, "/api/conversation", as("ann"));
        assertServes();
    }
}
