package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonValue;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Failures of operations that several calls share, from the packaged jar. The first two calls leave alone and are held back, so
 * that further ones wait for them, and then share operations.
 */
class SharedOperationsIT {

    private static final int CALLS = 12;

    private final String database = TestServer.newDatabase();
    private final CountDownLatch arrived = new CountDownLatch(1);
    private final HttpClient http = HttpClient.newHttpClient();
    private final AtomicInteger texts = new AtomicInteger();
    private RewritingProxy proxy;
    private Service service;

    @BeforeEach
    void start() throws Exception {
        TestServer.assumeGenuine("the embedded server repeats a write that is retried");
        proxy = RewritingProxy.to(TestServer.uri());
        Map<String, String> settings = new HashMap<>(Service.settings(database));
        settings.put("MONGODB_URI", proxy.uri());
        settings.put("CONVERSATIONS_REQUEST_TIMEOUT", "5S");
        service = Service.start(settings).awaitReady();
    }

    @AfterEach
    void stop() throws Exception {
        arrived.countDown();
        if (service != null) {
            service.close();
            proxy.close();
        }
    }

    /** The function of a command that is held back until all calls have arrived, and is then carried out. */
    private BsonDocument holdBack(BsonDocument command) {
        try {
            arrived.await(1, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return null;
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(service.uri(path))
                .header("Authorization", "Bearer " + Tokens.of("ann"))
                .header("Content-Type", "application/json");
    }

    private HttpRequest start(int i) {
        return request("/api/conversation/start")
                .POST(BodyPublishers.ofString("{\"messages\": [{\"content\": \"" + i + "\"}]}"))
                .build();
    }

    /** Two conversations get all messages. */
    private HttpRequest append(int i) {
        return request("/api/conversation/c" + i % 2 + "/message")
                .POST(BodyPublishers.ofString("{\"content\": \"" + texts.incrementAndGet() + "\"}"))
                .build();
    }

    private HttpRequest get(int i) {
        return request("/api/conversation/c" + i % 2).GET().build();
    }

    private HttpRequest page(int i) {
        return request("/api/conversation/c" + i % 2 + "/messages").GET().build();
    }

    private List<CompletableFuture<HttpResponse<String>>> send(IntFunction<HttpRequest> call) {
        List<CompletableFuture<HttpResponse<String>>> answers = IntStream.range(0, CALLS)
                .mapToObj(i -> http.sendAsync(call.apply(i), BodyHandlers.ofString()))
                .toList();
        await().until(() -> service.metric("conversations_requests_active") == CALLS);
        return answers;
    }

    /** Sends calls at once, and asserts their statuses. */
    private void assertStatuses(IntFunction<HttpRequest> call, Predicate<BsonDocument> isAlone, int alone, int shared)
            throws Exception {
        int before = proxy.seen().size();
        List<CompletableFuture<HttpResponse<String>>> answers = send(call);
        arrived.countDown();
        for (CompletableFuture<HttpResponse<String>> answer : answers) {
            answer.get(1, TimeUnit.MINUTES);
        }
        long sentAlone = proxy.seen().stream().skip(before).filter(isAlone).count();
        assertThat(sentAlone).isLessThan(CALLS - 1);
        assertThat(answers)
                .extracting(answer -> answer.join().statusCode())
                .filteredOn(status -> status == shared)
                .hasSize(alone == shared ? CALLS : CALLS - (int) sentAlone);
        assertThat(answers).extracting(answer -> answer.join().statusCode()).containsOnly(alone, shared);
    }

    private static boolean isInsertAlone(BsonDocument command) {
        return command.containsKey("insert") && command.getArray("documents").size() == 1;
    }

    private static boolean isAppendAlone(BsonDocument command) {
        return command.containsKey("findAndModify");
    }

    private static boolean isReadAlone(BsonDocument command) {
        return command.containsKey("find") && idOf(command).isString();
    }

    private static boolean isReadShared(BsonDocument command) {
        return command.containsKey("find") && idOf(command).isDocument();
    }

    private static BsonValue idOf(BsonDocument find) {
        return find.getDocument("filter", new BsonDocument()).get("conversationId", BsonNull.VALUE);
    }

    private void createBoth() throws Exception {
        for (int i = 0; i < 2; i++) {
            assertThat(http.send(append(i), BodyHandlers.ofString()).statusCode())
                    .isEqualTo(201);
        }
    }

    /** The contents of both conversations, each in the order of the list. */
    private List<String> contents() throws Exception {
        return IntStream.range(0, 2)
                .mapToObj(i -> http.sendAsync(get(i), BodyHandlers.ofString()).join())
                .flatMap(answer -> Document.parse(answer.body()).getList("messages", Document.class).stream())
                .map(message -> message.getString("content"))
                .toList();
    }

    @Test
    void unacknowledgedStartsAreUnavailable() throws Exception {
        proxy.instead("insert", this::holdBack)
                .answer(
                        "insert",
                        answer ->
                                answer.getNumber("n").intValue() > 1 ? RewritingProxy.unacknowledged(answer) : answer);
        assertStatuses(this::start, SharedOperationsIT::isInsertAlone, 201, 503);
    }

    @Test
    void unacknowledgedAppendsAreUnavailable() throws Exception {
        createBoth();
        proxy.instead("findAndModify", this::holdBack).answer("update", RewritingProxy::unacknowledged);
        assertStatuses(this::append, SharedOperationsIT::isAppendAlone, 200, 503);
    }

    @Test
    void appendsThatCannotBeLocatedAreUnavailable() throws Exception {
        createBoth();
        proxy.instead("findAndModify", this::holdBack)
                .instead("aggregate", command -> RewritingProxy.error(10107, "NotWritablePrimary"));
        assertStatuses(this::append, SharedOperationsIT::isAppendAlone, 200, 503);
        proxy.instead("aggregate", command -> null);
        assertThat(contents()).hasSize(2 + CALLS).doesNotHaveDuplicates();
    }

    /** The driver repeats the operation under the same number, and the server answers as before. */
    @Test
    void appendsWhoseReplyWasLostAreStoredOnce() throws Exception {
        createBoth();
        AtomicBoolean lost = new AtomicBoolean();
        proxy.instead("findAndModify", this::holdBack).answer("update", answer -> {
            if (lost.compareAndSet(false, true)) {
                throw new IllegalStateException("the connection ends here");
            }
            return answer;
        });
        assertStatuses(this::append, SharedOperationsIT::isAppendAlone, 200, 200);
        assertThat(lost).isTrue();
        assertThat(contents()).hasSize(2 + CALLS).doesNotHaveDuplicates();
    }

    @Test
    void appendsThatNeverArriveAreUnavailable() throws Exception {
        createBoth();
        proxy.instead("findAndModify", this::holdBack).instead("update", command -> {
            throw new IllegalStateException("the connection ends here");
        });
        assertStatuses(this::append, SharedOperationsIT::isAppendAlone, 200, 503);
        assertThat(contents()).hasSizeLessThan(2 + CALLS);
    }

    @Test
    void readsThatAreRejectedTogetherAreSentAlone() throws Exception {
        createBoth();
        proxy.instead("find", find -> isReadShared(find) ? RewritingProxy.error(2, "BadValue") : holdBack(find));
        List<CompletableFuture<HttpResponse<String>>> answers = send(this::get);
        arrived.countDown();
        assertThat(answers)
                .allSatisfy(answer ->
                        assertThat(answer.get(1, TimeUnit.MINUTES).statusCode()).isEqualTo(200));
        assertThat(proxy.seen("find")).anyMatch(SharedOperationsIT::isReadShared);
    }

    @Test
    void conversationsAndPagesShareReads() throws Exception {
        createBoth();
        int before = proxy.seen("find").size();
        proxy.instead("find", this::holdBack);
        List<CompletableFuture<HttpResponse<String>>> answers = send(i -> i < CALLS / 2 ? get(i) : page(i));
        arrived.countDown();
        for (int i = 0; i < CALLS; i++) {
            HttpResponse<String> answer = answers.get(i).get(1, TimeUnit.MINUTES);
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(Document.parse(answer.body()).getList(i < CALLS / 2 ? "messages" : "data", Document.class))
                    .extracting(message -> message.getString("content"))
                    .containsExactly(contents().get(i % 2));
        }
        assertThat(proxy.seen("find").stream().skip(before).filter(SharedOperationsIT::isReadShared))
                .hasSizeBetween(1, 3);
    }

    @Test
    void readsOfADatabaseThatIsUnavailableAreNotRepeatedForEach() throws Exception {
        createBoth();
        proxy.instead(
                "find",
                find -> isReadShared(find) ? RewritingProxy.error(10107, "NotWritablePrimary") : holdBack(find));
        assertStatuses(this::get, SharedOperationsIT::isReadAlone, 200, 503);
    }

    @Test
    void operationsWithoutAReplyDelayOthersForTheTimeoutOfACallAtMost() throws Exception {
        createBoth();
        AtomicBoolean hold = new AtomicBoolean(true);
        proxy.instead("find", find -> hold.get() ? holdBack(find) : null);
        List<CompletableFuture<HttpResponse<String>>> waiting = send(this::get);
        assertThat(waiting)
                .allSatisfy(answer ->
                        assertThat(answer.get(1, TimeUnit.MINUTES).statusCode()).isEqualTo(503));
        hold.set(false);
        assertThat(http.send(get(0), BodyHandlers.ofString()).statusCode()).isEqualTo(200);
    }
}
