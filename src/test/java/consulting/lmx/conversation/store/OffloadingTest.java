package consulting.lmx.conversation.store;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Conversations with offloaded messages. */
@Tag("slow")
@QuarkusTest
class OffloadingTest {

    private static final int INLINE = 200;

    @Inject
    ReactiveMongoClient client;

    @Inject
    OrphanBlockCleaner cleaner;

    @Inject
    MessageOffloader offloader;

    @Inject
    InlineMessages inlineMessages;

    @Inject
    MeterRegistry meters;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    @TestHTTPResource("/")
    URI root;

    private final String user = "user-" + UUID.randomUUID();
    private final String id = "long-" + UUID.randomUUID();

    private ReactiveMongoCollection<BsonDocument> collection(String name) {
        return client.getDatabase(database).getCollection(name, BsonDocument.class);
    }

    /** A legacy document that holds all its messages, {@code m0} and so on. */
    private BsonObjectId legacy(int messages) {
        BsonArray all = new BsonArray();
        for (int i = 0; i < messages; i++) {
            all.add(new Message("user", "m" + i, Conversation.now(), null)
                    .toBson()
                    .append("legacy", new BsonInt32(i)));
        }
        BsonObjectId key = new BsonObjectId();
        collection(ConversationFields.COLLECTION)
                .insertOne(new BsonDocument("_id", key)
                        .append("conversationId", new BsonString(id))
                        .append("sessionId", new BsonString("s-" + id))
                        .append("userId", new BsonString(user))
                        .append("messages", all))
                .await()
                .indefinitely();
        return key;
    }

    private BsonDocument stored() {
        return collection(ConversationFields.COLLECTION)
                .find(new BsonDocument("conversationId", new BsonString(id)))
                .toUni()
                .await()
                .indefinitely();
    }

    private int offloaded() {
        return LenientBson.integer(stored(), ConversationFields.OFFLOADED);
    }

    private BsonArray inline() {
        return stored().getArray("messages");
    }

    private List<BsonDocument> blocks(BsonValue conversation) {
        return collection(ConversationFields.BLOCKS)
                .find(new BsonDocument("_id.conversation", conversation))
                .collect()
                .asList()
                .await()
                .indefinitely();
    }

    private RequestSpecification as(String caller) {
        return given().auth().oauth2(Tokens.of(caller)).contentType(ContentType.JSON);
    }

    private ValidatableResponse append(String content, String... key) {
        RequestSpecification request = as(user).body(Map.of("content", content));
        return (key.length == 0 ? request : request.header("Idempotency-Key", key[0]))
                .post("/api/conversation/{id}/message", id)
                .then();
    }

    private void awaitOffloaded(int moved) {
        await().atMost(Duration.ofSeconds(60)).until(() -> offloaded() == moved);
    }

    private static List<String> numbered(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> "m" + i).toList();
    }

    @Test
    void olderMessagesAreMovedAndAllAreReadAsBefore() {
        BsonObjectId key = legacy(1_234);
        append("m1234").statusCode(200).body("message.index", equalTo(1_234));

        awaitOffloaded(1_000);
        assertThat(inline()).hasSize(235);
        assertThat(blocks(key))
                .hasSize(10)
                .allMatch(block -> block.getArray("messages").size() == 100);
        assertThat(blocks(key)
                        .get(3)
                        .getArray("messages")
                        .get(7)
                        .asDocument()
                        .getInt32("legacy")
                        .getValue())
                .isEqualTo(307);

        List<String> read = new ArrayList<>();
        int after = -1;
        boolean more = true;
        while (more) {
            JsonPath page = as(user).get("/api/conversation/{id}/messages?limit=97&after={after}", id, after)
                    .jsonPath();
            assertThat(page.getList("data.index"))
                    .isEqualTo(IntStream.range(
                                    after + 1, after + 1 + page.getList("data").size())
                            .boxed()
                            .toList());
            read.addAll(page.getList("data.content"));
            after += page.getList("data").size();
            more = page.getBoolean("hasMore");
        }
        assertThat(read).isEqualTo(numbered(0, 1_235));
        as(user).get("/api/conversation/{id}", id)
                .then()
                .body("messageCount", equalTo(1_235))
                .body("messages.content", equalTo(numbered(1_135, 1_235)))
                .body("messages[0].index", equalTo(1_135))
                .body("older", equalTo("/api/conversation/" + id + "/messages?before=1135"));
    }

    @ParameterizedTest
    @CsvSource({"950,1000", "950,1010", "0,5", "999,1099", "1030,1100", "100,200", "299,301"})
    void pageMayBeginAndEndAnywhere(int from, int to) {
        legacy(1_234);
        append("m1234");
        awaitOffloaded(1_000);
        as(user).get("/api/conversation/{id}/messages?limit={n}&before={to}", id, to - from, to)
                .then()
                .body("data.content", equalTo(numbered(from, to)))
                .body("data[0].index", equalTo(from))
                .body("hasMore", equalTo(from > 0));
    }

    @Test
    void entityTagStaysWhereMessagesWereOnlyMoved() {
        legacy(300);
        String before = as(user).get("/api/conversation/{id}", id).header("ETag");
        move();
        assertThat(offloaded()).isEqualTo(100);
        assertThat(as(user).get("/api/conversation/{id}", id).header("ETag")).isEqualTo(before);
    }

    /** Requests an offload as an append does, and waits for it. */
    private void move() {
        offloader.afterAppend(
                stored().get("_id"), inline().size(), List.of(new Message("user", "", Conversation.now(), null)));
        await().atMost(Duration.ofSeconds(60)).until(() -> inline().size() < INLINE + MessageBlocks.MESSAGES_PER_BLOCK);
    }

    @Test
    void retryOfAMovedMessageAnswersAsTheFirstCall() {
        legacy(50);
        String first = append("once", "the-key").statusCode(200).extract().asString();
        for (int i = 0; i < 300; i++) {
            append("m" + i);
        }
        await().atMost(Duration.ofSeconds(60)).until(() -> offloaded() >= 100);

        assertThat(append("once", "the-key").statusCode(200).extract().asString())
                .isEqualTo(first);
        append("something else", "the-key").statusCode(422);
        append("new", "another-key").statusCode(200).body("message.index", equalTo(351));
        append("new", "another-key").statusCode(200).body("message.index", equalTo(351));
        as(user).get("/api/conversation/{id}", id).then().body("messageCount", equalTo(352));
    }

    @Test
    void keyOfAMovedMessageIsFoundWithoutALookAtTheOtherBlocks() {
        TestServer.assumeGenuine("it explains how it finds something");
        legacy(50);
        append("once", "the-key");
        for (int i = 0; i < 6; i++) {
            push(0, 100);
            append("m" + i);
            move();
        }
        BsonDocument key = stored();
        BsonDocument find = new BsonDocument("find", new BsonString(ConversationFields.BLOCKS))
                .append(
                        "filter",
                        MessageBlocks.holding("the-key", key.get("_id")).toBsonDocument());
        BsonDocument plan = client.getDatabase(database)
                .runCommand(
                        new BsonDocument("explain", find).append("verbosity", new BsonString("executionStats")),
                        BsonDocument.class)
                .await()
                .indefinitely();
        assertThat(blocks(key.get("_id"))).hasSizeGreaterThan(3);
        assertThat(plan.getDocument("executionStats")
                        .getNumber("totalDocsExamined")
                        .intValue())
                .isEqualTo(1);
        assertThat(plan.toJson()).contains(MessageBlocks.KEY_INDEX);
    }

    @Test
    void appendUnderAKeyToALongConversationRunsIntoNoUniqueIndex() {
        legacy(350);
        append("m350");
        awaitOffloaded(100);
        double before = duplicateKeys();
        append("new", "a-key").statusCode(200).body("message.index", equalTo(351));
        append("new", "a-key").statusCode(200).body("message.index", equalTo(351));
        assertThat(duplicateKeys()).isEqualTo(before);
    }

    private double duplicateKeys() {
        return meters.counter("conversations.duplicate.key").count();
    }

    @Test
    void conversationOfAHundredThousandMessagesIsReadAndWrittenAsAnyOther() {
        int count = 100_000;
        BsonObjectId key = legacy(0);
        for (int first = 0; first < count; first += 20_000) {
            int last = first + 20_000 - 1;
            push(first, 20_000 - 1);
            append("m" + last).body("message.index", equalTo(last));
            awaitOffloaded(last + 1 - INLINE);
        }
        append("m" + count).statusCode(200).body("message.index", equalTo(count));
        assertThat(blocks(key)).hasSize((count - INLINE) / MessageBlocks.MESSAGES_PER_BLOCK);
        as(user).get("/api/conversation/{id}", id)
                .then()
                .body("messageCount", equalTo(count + 1))
                .body("messages.content", equalTo(numbered(count - 99, count + 1)));
        as(user).get("/api/conversation/{id}/messages?limit=50&before=50025", id)
                .then()
                .body("data.content", equalTo(numbered(49_975, 50_025)))
                .body("data[0].index", equalTo(49_975));
        assertThat(as(user).get("/api/conversation/{id}/export", id).jsonPath().getList("messages.content"))
                .isEqualTo(numbered(0, count + 1));
    }

    /** Appends messages {@code m} with their index by one write that bypasses the service. */
    private void push(int first, int messages) {
        BsonArray more = new BsonArray();
        for (int i = first; i < first + messages; i++) {
            more.add(new Message("user", "m" + i, Conversation.now(), null).toBson());
        }
        collection(ConversationFields.COLLECTION)
                .updateOne(
                        new BsonDocument("conversationId", new BsonString(id)),
                        new BsonDocument("$push", new BsonDocument("messages", new BsonDocument("$each", more))))
                .await()
                .indefinitely();
    }

    @Test
    void moveThatWasCutOffBetweenBlockAndDocumentIsTakenUp() {
        BsonObjectId key = legacy(350);
        List<BsonValue> oldest = stored().getArray("messages").subList(0, 100);
        collection(ConversationFields.BLOCKS)
                .insertOne(MessageBlocks.block(key, 0, Optional.empty(), oldest))
                .await()
                .indefinitely();
        append("m350").body("message.index", equalTo(350));
        awaitOffloaded(100);
        assertThat(blocks(key)).hasSize(1);
        assertThat(as(user).get("/api/conversation/{id}/messages?after=-1&limit=100", id)
                        .jsonPath()
                        .getList("data.content"))
                .isEqualTo(numbered(0, 100));
    }

    @Test
    void messagesAppendedWhileOthersAreMovedStayInOrder() throws Exception {
        legacy(2_000);
        ExecutorService callers = Executors.newFixedThreadPool(8);
        List<Integer> indexes;
        try {
            List<Future<Integer>> answers = IntStream.range(2_000, 2_150)
                    .mapToObj(i -> callers.submit(
                            () -> append("n").statusCode(200).extract().<Integer>path("message.index")))
                    .toList();
            indexes = new ArrayList<>();
            for (Future<Integer> answer : answers) {
                indexes.add(answer.get());
            }
        } finally {
            callers.shutdown();
        }
        indexes.sort(null);
        assertThat(indexes).isEqualTo(IntStream.range(2_000, 2_150).boxed().toList());
        await().atMost(Duration.ofSeconds(60)).until(() -> inline().size() < INLINE + MessageBlocks.MESSAGES_PER_BLOCK);
        assertThat(offloaded() + inline().size()).isEqualTo(2_150);
        as(user).get("/api/conversation/{id}/messages?before=2000&limit=1", id)
                .then()
                .body("data[0].content", equalTo("m1999"));
    }

    @Test
    void eventsResumeInTheMiddleOfWhatWasMoved() throws Exception {
        legacy(1_234);
        append("m1234");
        awaitOffloaded(1_000);
        try (EventClient events = EventClient.open(
                root.resolve("/api/conversation/" + id + "/events"), Tokens.of(user), "Last-Event-ID", "954")) {
            events.await(280);
            append("m1235");
            assertThat(events.await(281).stream()
                            .map(event -> JsonPath.from(event.data()).getString("content"))
                            .toList())
                    .isEqualTo(numbered(955, 1_236));
        }
    }

    @Test
    void exportHoldsWhatWasMovedAndWhatWasNot() {
        legacy(1_234);
        append("m1234");
        awaitOffloaded(1_000);
        as(user).get("/api/conversation/{id}/export", id)
                .then()
                .body("messageCount", equalTo(1_235))
                .body("messages.content", equalTo(numbered(0, 1_235)))
                .body("messages[1234].index", equalTo(1_234));
    }

    @Test
    void blocksGoWithTheirConversation() {
        BsonObjectId key = legacy(350);
        append("m350");
        awaitOffloaded(100);
        as(user).delete("/api/conversation/{id}", id).then().statusCode(204);
        assertThat(blocks(key)).isEmpty();

        BsonObjectId next = legacy(350);
        append("m350");
        awaitOffloaded(100);
        as(user).delete("/api/conversation?confirm=all").then().body("deleted", equalTo(1));
        assertThat(blocks(next)).isEmpty();
    }

    @Test
    void blocksOfConversationsThatAreNoMoreAreSweptAndNoOthers() {
        BsonObjectId key = legacy(350);
        append("m350");
        awaitOffloaded(100);
        BsonObjectId gone = new BsonObjectId();
        for (int first = 0; first < 300; first += 100) {
            collection(ConversationFields.BLOCKS)
                    .insertOne(MessageBlocks.block(gone, first, Optional.empty(), List.of(new BsonDocument())))
                    .await()
                    .indefinitely();
        }
        assertThat(cleaner.clean().await().indefinitely()).isPositive();
        assertThat(blocks(gone)).isEmpty();
        assertThat(blocks(key)).hasSize(1);
    }

    @Test
    void appendToADocumentThatIsFullMakesRoomInIt() {
        BsonArray all = new BsonArray();
        for (int i = 0; i < 510; i++) {
            all.add(new Message("user", "x".repeat(32_700), Conversation.now(), null).toBson());
        }
        collection(ConversationFields.COLLECTION)
                .insertOne(new BsonDocument("conversationId", new BsonString(id))
                        .append("sessionId", new BsonString("s-" + id))
                        .append("userId", new BsonString(user))
                        .append("messages", all))
                .await()
                .indefinitely();
        for (int i = 0; i < 10; i++) {
            append("y".repeat(32_700)).statusCode(200).body("message.index", equalTo(510 + i));
        }
    }

    /** Reads all messages by pages, oldest first. */
    private List<String> contents() {
        List<String> read = new ArrayList<>();
        boolean more = true;
        while (more) {
            JsonPath page = as(user).get("/api/conversation/{id}/messages?after={after}", id, read.size() - 1)
                    .then()
                    .statusCode(200)
                    .extract()
                    .jsonPath();
            assertThat(page.getList("data")).isNotEmpty();
            assertThat(page.getInt("data[0].index")).isEqualTo(read.size());
            read.addAll(page.getList("data.content"));
            more = page.getBoolean("hasMore");
        }
        return read;
    }

    @Test
    void documentUnderSteadyAppendsStaysBelowTwiceTheWindow() throws Exception {
        TestServer.assumeGenuine("updates by pipeline, without which a cut waits for a moment without appends");
        int appends = 2_000;
        legacy(250);
        ExecutorService callers = Executors.newFixedThreadPool(16);
        AtomicInteger largest = new AtomicInteger();
        try {
            List<Future<Integer>> answers = IntStream.range(0, appends)
                    .mapToObj(i -> callers.submit(
                            () -> append("n").statusCode(200).extract().<Integer>path("message.index")))
                    .toList();
            Set<Integer> indexes = new HashSet<>();
            for (Future<Integer> answer : answers) {
                indexes.add(answer.get());
                if (indexes.size() % 50 == 0) {
                    largest.accumulateAndGet(inline().size(), Math::max);
                }
            }
            assertThat(indexes).hasSize(appends);
        } finally {
            callers.shutdown();
        }
        assertThat(largest.get()).isLessThan(2 * INLINE);
        assertThat(contents()).hasSize(250 + appends);
    }

    @Test
    void longMessagesAreOffloadedByTheirLength() {
        TestServer.assumeGenuine("updates by pipeline, without which a cut waits for a moment without appends");
        String text = "x".repeat(32_000);
        legacy(0);
        for (int i = 0; i < 150; i++) {
            append(i + text).statusCode(200);
        }
        await().atMost(Duration.ofSeconds(60))
                .until(() -> inline().stream()
                                .mapToInt(message -> message.asDocument()
                                        .getString("content")
                                        .getValue()
                                        .length())
                                .sum()
                        < 2 * 1024 * 1024);
        assertThat(blocks(stored().get("_id")))
                .allMatch(block -> block.toString().length() < 1024 * 1024);
        assertThat(contents())
                .isEqualTo(IntStream.range(0, 150).mapToObj(i -> i + text).toList());
        JsonPath newest = as(user).get("/api/conversation/{id}", id).jsonPath();
        assertThat(newest.getInt("messageCount")).isEqualTo(150);
        assertThat(newest.getList("messages.content")).hasSizeBetween(1, 17).endsWith(149 + text);
        assertThat(newest.getString("older")).endsWith("?before=" + newest.getInt("messages[0].index"));
    }

    /** Restores a backup of one collection, while the other one keeps its later documents. */
    private void restore(BsonDocument conversation) {
        ReactiveMongoCollection<BsonDocument> conversations = collection(ConversationFields.COLLECTION);
        conversations
                .deleteOne(new BsonDocument("_id", conversation.get("_id")))
                .chain(() -> conversations.insertOne(conversation))
                .await()
                .indefinitely();
    }

    @Test
    void messagesAfterARestoreAreNotReadFromBlocksOfTheAbandonedTime() {
        legacy(350);
        append("m350");
        awaitOffloaded(100);
        BsonDocument backup = stored();
        for (int i = 0; i < 5; i++) {
            push(351 + 100 * i, 99);
            append("abandoned");
        }
        await().atMost(Duration.ofSeconds(60)).until(() -> offloaded() >= 500);

        restore(backup);
        List<String> expected = new ArrayList<>(numbered(0, 351));
        for (int i = 0; i < 4; i++) {
            for (int n = 0; n < 99; n++) {
                expected.add("new " + i + " " + n);
            }
            pushTexts(expected.subList(expected.size() - 99, expected.size()));
            expected.add("new " + i);
            append("new " + i, "key " + i).statusCode(200).body("message.index", equalTo(expected.size() - 1));
        }
        await().atMost(Duration.ofSeconds(60)).until(() -> offloaded() >= 500);
        assertThat(contents()).isEqualTo(expected);
        assertThat(as(user).get("/api/conversation/{id}/export", id).jsonPath().getList("messages.content"))
                .isEqualTo(expected);
        append("new 0", "key 0").statusCode(200).body("message.index", equalTo(450));
    }

    private void pushTexts(List<String> texts) {
        BsonArray more = new BsonArray(texts.stream()
                .map(text -> new Message("user", text, Conversation.now(), null).toBson())
                .toList());
        collection(ConversationFields.COLLECTION)
                .updateOne(
                        new BsonDocument("conversationId", new BsonString(id)),
                        new BsonDocument("$push", new BsonDocument("messages", new BsonDocument("$each", more))))
                .await()
                .indefinitely();
    }

    @Test
    void lostBlocksAreReportedAndTheOtherMessagesAreRead() {
        BsonObjectId key = legacy(350);
        append("m350");
        awaitOffloaded(100);
        collection(ConversationFields.BLOCKS)
                .deleteMany(new BsonDocument("_id.conversation", key))
                .await()
                .indefinitely();
        as(user).get("/api/conversation/{id}/messages?before=50", id)
                .then()
                .statusCode(410)
                .contentType("application/problem+json");
        as(user).get("/api/conversation/{id}", id).then().statusCode(200).body("messageCount", equalTo(351));
        as(user).get("/api/conversation/{id}/messages?after=99", id)
                .then()
                .statusCode(200)
                .body("data", hasSize(100));
        append("m351").statusCode(200).body("message.index", equalTo(351));
    }

    @Test
    void oldPageOfAConversationThatIsBeingDeletedIsNotFound() throws Exception {
        ExecutorService readers = Executors.newFixedThreadPool(8);
        try {
            for (int round = 0; round < 5; round++) {
                legacy(350);
                append("m350");
                awaitOffloaded(100);
                List<Future<Integer>> answers = IntStream.range(0, 200)
                        .mapToObj(
                                i -> readers.submit(() -> as(user).get("/api/conversation/{id}/messages?before=100", id)
                                        .statusCode()))
                        .toList();
                as(user).delete("/api/conversation/{id}", id).then().statusCode(204);
                for (Future<Integer> answer : answers) {
                    assertThat(answer.get()).isIn(200, 404);
                }
            }
        } finally {
            readers.shutdown();
        }
    }

    @Test
    void listThatAnotherProgramReplacedLosesNoMessages() {
        legacy(450);
        BsonDocument before = stored();
        StoredConversation read = new StoredConversation(before, 450);
        List<BsonValue> oldest = before.getArray("messages").subList(0, 100);
        BsonArray replaced = new BsonArray(List.of(
                new Message("user", "all that there is", Conversation.now().plusSeconds(1), null).toBson()));
        collection(ConversationFields.COLLECTION)
                .updateOne(
                        new BsonDocument("_id", before.get("_id")),
                        new BsonDocument("$set", new BsonDocument("messages", replaced)))
                .await()
                .indefinitely();
        assertThat(inlineMessages
                        .cut(read, 100, oldest.get(99), Optional.empty())
                        .await()
                        .indefinitely())
                .isFalse();
        assertThat(inline()).isEqualTo(replaced);
    }

    /**
     * Dumps both collections twice, and restores each from one of the dumps. In every order, no message of an abandoned timeline is
     * read, every message of the dumps is read, and new messages are accepted.
     */
    @ParameterizedTest
    @CsvSource({"true,true", "true,false", "false,true", "false,false"})
    void dumpsOfDifferentTimesNeverMix(boolean oldConversations, boolean oldBlocks) {
        BsonObjectId key = legacy(350);
        append("m350");
        awaitOffloaded(100);
        BsonDocument conversationBefore = stored();
        List<BsonDocument> blocksBefore = blocks(key);
        push(351, 200);
        append("m551");
        awaitOffloaded(300);
        BsonDocument conversationAfter = stored();
        List<BsonDocument> blocksAfter = blocks(key);
        push(552, 200);
        append("m752");
        awaitOffloaded(500);

        restore(oldConversations ? conversationBefore : conversationAfter);
        collection(ConversationFields.BLOCKS)
                .deleteMany(new BsonDocument("_id.conversation", key))
                .chain(() -> collection(ConversationFields.BLOCKS).insertMany(oldBlocks ? blocksBefore : blocksAfter))
                .await()
                .indefinitely();

        int count = oldConversations ? 351 : 552;
        int lost = !oldConversations && oldBlocks ? 300 : 0;
        List<String> expected = new ArrayList<>(numbered(0, count));
        for (int i = 0; i < 250; i++) {
            expected.add("new " + i);
        }
        pushTexts(expected.subList(count, expected.size() - 1));
        append("new 249").statusCode(200).body("message.index", equalTo(count + 249));
        await().atMost(Duration.ofSeconds(60)).until(() -> inline().size() < INLINE + 100);
        if (lost == 0) {
            assertThat(contents()).isEqualTo(expected);
        } else {
            as(user).get("/api/conversation/{id}/messages?before=250", id)
                    .then()
                    .statusCode(410);
            as(user).get("/api/conversation/{id}/messages?before=100", id)
                    .then()
                    .statusCode(200)
                    .body("data.content", equalTo(numbered(0, 100)));
            JsonPath rest = as(user).get("/api/conversation/{id}/messages?after={last}", id, lost - 1)
                    .jsonPath();
            assertThat(rest.getList("data.content")).isEqualTo(expected.subList(lost, lost + 100));
        }
    }
}
