package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Updates;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.path.json.JsonPath;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.conversions.Bson;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Metadata of messages, several messages in one call, and truncation. */
@Tag("slow")
@QuarkusTest
class MessagesTest {

    private static final String METADATA = "{\"id\":\"m1\",\"parts\":[{\"type\":\"text\",\"text\":\"a\"}],\"n\":1.5}";

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final String user = "user-" + UUID.randomUUID();
    private final String id = "c-" + UUID.randomUUID();
    private final String path = "/api/conversation/" + id;

    private RequestSpecification call() {
        return as(user).contentType("application/json");
    }

    private ValidatableResponse send(String body, String... key) {
        RequestSpecification call = call().body(body);
        return (key.length == 0 ? call : call.header("Idempotency-Key", key[0]))
                .post(path + "/message")
                .then();
    }

    private ValidatableResponse sendAll(String body, String... key) {
        RequestSpecification call = call().body(body);
        return (key.length == 0 ? call : call.header("Idempotency-Key", key[0]))
                .post(path + "/messages")
                .then();
    }

    private void sendAll(int from, int to) {
        for (int first = from; first < to; first += 20) {
            sendAll("{\"messages\":["
                            + String.join(
                                    ",",
                                    IntStream.range(first, Math.min(to, first + 20))
                                            .mapToObj(i -> "{\"content\":\"m" + i + "\"}")
                                            .toList())
                            + "]}")
                    .body("success", equalTo(true));
        }
    }

    private ValidatableResponse patch(int index, String body) {
        return call().body(body).patch(path + "/messages/" + index).then();
    }

    private ValidatableResponse truncate(Object from) {
        return as(user).delete(path + "/messages?from=" + from).then();
    }

    private JsonPath get() {
        return as(user).get(path).then().statusCode(200).extract().jsonPath();
    }

    private List<String> contents() {
        List<String> all = new ArrayList<>();
        boolean more = true;
        while (more) {
            JsonPath page =
                    as(user).get(path + "/messages?after=" + (all.size() - 1)).jsonPath();
            all.addAll(page.getList("data.content"));
            more = page.getBoolean("hasMore");
        }
        return all;
    }

    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection("conversations", BsonDocument.class);
    }

    private BsonDocument stored() {
        return raw().find(Filters.eq("conversationId", id)).toUni().await().indefinitely();
    }

    private void set(Bson... updates) {
        raw().updateOne(Filters.eq("conversationId", id), Updates.combine(updates))
                .await()
                .indefinitely();
    }

    private BsonDocument message(int position) {
        return stored().getArray("messages").get(position).asDocument();
    }

    // metadata

    @Test
    void metadataOfAMessageIsShownInEveryView() {
        String first = call().body("{\"messages\":[{\"content\":\"a\",\"metadata\":" + METADATA + "}]}")
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.messages[0].metadata.parts[0].text", equalTo("a"))
                .extract()
                .path("conversationId");
        as(user).get("/api/conversation/" + first)
                .then()
                .body("messages[0].metadata.id", equalTo("m1"))
                .body("messages[0].metadata.n", equalTo(1.5f));
        String sent = send("{\"content\":\"b\",\"metadata\":" + METADATA + "}")
                .statusCode(201)
                .body("message.metadata.id", equalTo("m1"))
                .body("message.id", matchesPattern("[0-9a-f]{24}"))
                .extract()
                .path("message.id");
        as(user).get(path + "/messages")
                .then()
                .body("data[0].metadata.id", equalTo("m1"))
                .body("data[0].id", equalTo(sent));
        as(user).get(path + "/export").then().body("messages[0].metadata.id", equalTo("m1"));
        assertThat(message(0).getDocument("metadata")).isEqualTo(BsonDocument.parse(METADATA));
        send("{\"content\":\"c\"}").statusCode(200);
        assertThat(get().<Map<String, ?>>getList("messages").get(1)).doesNotContainKey("metadata");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"$a\":1}          | metadata",
                "{\"a\":{\"\\u0000\":1}} | metadata",
                "{\"a\":\"\\ud800\"} | metadata",
                "{\"a\":1e400}       | metadata",
                "[]                  | metadata",
                "\"text\"            | metadata"
            })
    void metadataThatCannotBeStoredIsRejected(String metadata, String field) {
        send("{\"content\":\"a\",\"metadata\":" + metadata + "}")
                .statusCode(400)
                .body("violations[0].field", equalTo(field));
        sendAll("{\"messages\":[{\"content\":\"a\"},{\"content\":\"b\",\"metadata\":" + metadata + "}]}")
                .statusCode(400)
                .body("violations[0].field", containsString("metadata"));
        assertThat(stored()).isNull();
    }

    @Test
    void metadataOfAMessageHasBoundsOfItsOwn() {
        String deepest = "{\"a\":".repeat(16) + "1" + "}".repeat(16);
        send("{\"content\":\"a\",\"metadata\":" + deepest + "}").statusCode(201);
        send("{\"content\":\"a\",\"metadata\":{\"a\":" + deepest + "}}")
                .statusCode(400)
                .body("detail", containsString("16 levels"));
        send("{\"content\":\"a\",\"metadata\":{\"a\":\"" + "x".repeat(16_000) + "\"}}")
                .statusCode(200);
        send("{\"content\":\"a\",\"metadata\":{\"a\":\"" + "x".repeat(16_400) + "\"}}")
                .statusCode(400)
                .body("violations[0].field", equalTo("metadata"));
        assertThat(get().getInt("messageCount")).isEqualTo(2);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"metadata\":{\"b\":2}}                      | {\"a\":{\"x\":1},\"b\":2}",
                "{\"metadata\":{\"a\":null}}                   | {}",
                "{\"metadata\":{\"a\":{\"y\":[1]}}}            | {\"a\":{\"x\":1,\"y\":[1]}}",
                "{\"metadata\":null}                           |"
            })
    void patchMergesMetadataOnly(String patch, String expected) {
        send("{\"content\":\"first\"}");
        send("{\"content\":\"hello\",\"role\":\"assistant\",\"metadata\":{\"a\":{\"x\":1}}}");
        send("{\"content\":\"last\"}");
        BsonDocument before = stored();
        String tag = as(user).get(path).header("ETag");
        patch(1, patch)
                .statusCode(200)
                .body("content", equalTo("hello"))
                .body("role", equalTo("assistant"))
                .body("index", equalTo(1));
        assertThat(message(1).get("metadata")).isEqualTo(expected == null ? null : BsonDocument.parse(expected));
        BsonDocument after = stored();
        for (String field : List.of("metadata", "metadataBytes")) {
            before.getArray("messages").get(1).asDocument().remove(field);
            after.getArray("messages").get(1).asDocument().remove(field);
        }
        assertThat(after.get("messages")).isEqualTo(before.get("messages"));
        assertThat(as(user).get(path).header("ETag")).isNotEqualTo(tag);
        assertThat(get().getList("messages")).hasSize(3);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"content\":\"x\",\"metadata\":{}}",
                "{\"metadata\":1}",
                "{\"metadata\":{\"$a\":1}}",
                "[]",
                "null",
                "{\"metadata\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
                        + "{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}}}}}}}"
            })
    void invalidPatchOfAMessageChangesNothing(String patch) {
        send("{\"content\":\"hello\"}");
        BsonDocument before = stored();
        patch(0, patch).statusCode(400);
        assertThat(stored()).isEqualTo(before);
    }

    @Test
    void mergedMetadataKeepsItsBound() {
        send("{\"content\":\"a\",\"metadata\":{\"a\":\"" + "x".repeat(10_000) + "\"}}");
        patch(0, "{\"metadata\":{\"b\":\"" + "x".repeat(10_000) + "\"}}").statusCode(400);
        patch(0, "{\"metadata\":{\"a\":null,\"b\":\"" + "x".repeat(10_000) + "\"}}")
                .statusCode(200);
    }

    @Test
    void onlyOwnMessagesThatExistCanBePatched() {
        send("{\"content\":\"a\"}");
        patch(1, "{\"metadata\":{}}").statusCode(404).body("code", equalTo("message-not-found"));
        patch(-1, "{\"metadata\":{}}").statusCode(400);
        patch(Integer.MAX_VALUE, "{\"metadata\":{}}").statusCode(404);
        as("other")
                .contentType("application/json")
                .body("{\"metadata\":{}}")
                .patch(path + "/messages/0")
                .then()
                .statusCode(404)
                .body("code", equalTo("conversation-not-found"));
        assertThat(message(0).containsKey("metadata")).isFalse();
    }

    /** Without its size, the service cannot bound what it reads. */
    @Test
    void metadataOfAnotherProgramIsKeptAndNotShown() {
        send("{\"content\":\"a\"}");
        set(
                Updates.set("messages.0.metadata", BsonDocument.parse("{theirs: 1}")),
                Updates.set("messages.0._id", new BsonInt32(7)));
        assertThat(get().<Map<String, ?>>getList("messages").get(0)).doesNotContainKeys("metadata", "id");
        patch(0, "{\"metadata\":{\"mine\":1}}").statusCode(409);
        send("{\"content\":\"b\"}").statusCode(200).body("message.index", equalTo(1));
        assertThat(message(0).getDocument("metadata")).isEqualTo(BsonDocument.parse("{theirs: 1}"));
    }

    @Test
    void concurrentPatchesOfAMessageAreAllKept() throws Exception {
        send("{\"content\":\"a\"}");
        ExecutorService pool = Executors.newFixedThreadPool(4);
        try {
            List<CompletableFuture<Integer>> patches = IntStream.range(0, 4)
                    .mapToObj(i -> CompletableFuture.supplyAsync(
                            () -> call().body("{\"metadata\":{\"k" + i + "\":" + i + "}}")
                                    .patch(path + "/messages/0")
                                    .statusCode(),
                            pool))
                    .toList();
            assertThat(patches.stream().map(CompletableFuture::join)).containsOnly(200);
        } finally {
            pool.shutdown();
        }
        assertThat(message(0).getDocument("metadata").keySet()).containsExactlyInAnyOrder("k0", "k1", "k2", "k3");
    }

    // several messages

    @Test
    void severalMessagesAreAppendedTogether() {
        sendAll(
                        "{\"messages\":[{\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\",\"metadata\":{\"x\":1}}]}")
                .statusCode(201)
                .header("Location", containsString(path))
                .body("success", equalTo(true))
                .body("conversationId", equalTo(id))
                .body("sessionId", equalTo(stored().getString("sessionId").getValue()))
                .body("messages.index", contains(0, 1))
                .body("messages.content", contains("a", "b"))
                .body("messages.role", contains("user", "assistant"))
                .body("messages[1].metadata.x", equalTo(1));
        sendAll("{\"messages\":[{\"content\":\"c\"},{\"content\":\"d\"}]}")
                .statusCode(200)
                .body("messages.index", contains(2, 3));
        assertThat(contents()).containsExactly("a", "b", "c", "d");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{\"messages\":null}",
                "{\"messages\":[]}",
                "{\"messages\":[null]}",
                "{\"messages\":[{\"content\":\"a\"},{\"content\":\" \"}]}",
                "{\"messages\":[{\"content\":\"a\"},{\"content\":\"a\",\"role\":\"robot\"}]}",
                "{\"messages\":\"a\"}"
            })
    void invalidListOfMessagesStoresNone(String body) {
        sendAll(body).statusCode(400);
        assertThat(stored()).isNull();
    }

    @Test
    void atMostTwentyMessagesAreAppendedTogether() {
        String message = "{\"content\":\"a\"}";
        sendAll("{\"messages\":[" + (message + ",").repeat(19) + message + "]}")
                .statusCode(201)
                .body("messages", hasSize(20));
        sendAll("{\"messages\":[" + (message + ",").repeat(20) + message + "]}")
                .statusCode(400)
                .body("violations[0].field", containsString("messages"));
        assertThat(contents()).hasSize(20);
    }

    @Test
    void idempotencyKeyCoversAllMessagesOfACall() {
        String two = "{\"messages\":[{\"content\":\"a\"},{\"content\":\"b\",\"metadata\":{\"x\":1,\"y\":2}}]}";
        String first = sendAll(two, "k").statusCode(201).extract().asString();
        assertThat(sendAll(two, "k").statusCode(201).extract().asString()).isEqualTo(first);
        sendAll(two.replace("\"x\":1,\"y\":2", "\"y\":2,\"x\":1"), "k").statusCode(201);
        sendAll("{\"messages\":[{\"content\":\"other\"},{\"content\":\"b\",\"metadata\":{\"x\":1,\"y\":2}}]}", "k")
                .statusCode(422)
                .body("code", equalTo("key-reused"));
        sendAll("{\"messages\":[{\"content\":\"b\",\"metadata\":{\"x\":1,\"y\":2}}]}", "k")
                .statusCode(422);
        send("{\"content\":\"b\",\"metadata\":{\"x\":1,\"y\":2}}", "k").statusCode(422);
        send("{\"content\":\"b\"}", "k").statusCode(422);
        assertThat(contents()).containsExactly("a", "b");
    }

    @Test
    void retryAfterAPatchIsStillARetry() {
        String body = "{\"content\":\"a\",\"metadata\":{\"x\":1}}";
        send(body, "k").statusCode(201);
        patch(0, "{\"metadata\":{\"x\":2}}").statusCode(200);
        send(body, "k").statusCode(201).body("message.index", equalTo(0)).body("message.metadata.x", equalTo(2));
        send("{\"content\":\"a\",\"metadata\":{\"x\":2}}", "k").statusCode(422);
        send("{\"content\":\"a\"}", "k").statusCode(422);
        assertThat(contents()).containsExactly("a");
    }

    @Test
    void conversationOfAnotherUserTakesNoMessages() {
        send("{\"content\":\"mine\"}");
        BsonDocument before = stored();
        as("other")
                .contentType("application/json")
                .body("{\"messages\":[{\"content\":\"theirs\"}]}")
                .post(path + "/messages")
                .then()
                .statusCode(404)
                .body("code", equalTo("conversation-not-found"));
        assertThat(stored()).isEqualTo(before);
    }

    // truncation

    @Test
    void truncationRemovesAMessageAndAllAfterIt() {
        sendAll(0, 6);
        BsonDocument before = stored();
        truncate(4).statusCode(200).body("deleted", equalTo(2)).body("messageCount", equalTo(4));
        assertThat(contents()).containsExactly("m0", "m1", "m2", "m3");
        assertThat(stored().getArray("messages"))
                .isEqualTo(new BsonArray(before.getArray("messages").subList(0, 4)));
        send("{\"content\":\"again\"}").body("message.index", equalTo(4));
        truncate(0).body("deleted", equalTo(5)).body("messageCount", equalTo(0));
        assertThat(get().getInt("messageCount")).isZero();
        send("{\"content\":\"new\"}").statusCode(200).body("message.index", equalTo(0));
    }

    @Test
    void truncationBehindTheEndRemovesNothing() {
        sendAll(0, 2);
        BsonDocument before = stored();
        truncate(2).statusCode(200).body("deleted", equalTo(0)).body("messageCount", equalTo(2));
        truncate(Integer.MAX_VALUE).statusCode(200).body("deleted", equalTo(0));
        assertThat(stored()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "x", "1.5", "2147483648"})
    void invalidIndexTruncatesNothing(String from) {
        sendAll(0, 2);
        truncate(from).statusCode(400).body("violations[0].field", equalTo("from"));
        as(user).delete(path + "/messages").then().statusCode(400);
        as("other").delete(path + "/messages?from=0").then().statusCode(404);
        assertThat(contents()).hasSize(2);
    }

    @Test
    void truncationHonoursIfMatch() {
        sendAll(0, 3);
        String tag = as(user).get(path).header("ETag");
        send("{\"content\":\"since\"}");
        as(user).header("If-Match", tag)
                .delete(path + "/messages?from=1")
                .then()
                .statusCode(412)
                .body("code", equalTo("precondition-failed"));
        assertThat(contents()).hasSize(4);
        as(user).header("If-Match", as(user).get(path).header("ETag"))
                .delete(path + "/messages?from=1")
                .then()
                .statusCode(200)
                .body("deleted", equalTo(3));
    }

    @Test
    void keyIsForgottenWithItsMessage() {
        send("{\"content\":\"a\"}");
        send("{\"content\":\"b\"}", "k").body("message.index", equalTo(1));
        sendAll("{\"messages\":[{\"content\":\"c\"},{\"content\":\"d\"}]}", "all")
                .body("messages.index", contains(2, 3));
        truncate(3).body("deleted", equalTo(1));
        sendAll("{\"messages\":[{\"content\":\"c\"},{\"content\":\"d\"}]}", "all")
                .statusCode(200)
                .body("messages.index", contains(3, 4));
        truncate(1);
        send("{\"content\":\"other\"}", "k").statusCode(200).body("message.index", equalTo(1));
        assertThat(contents()).containsExactly("a", "other");
    }

    @Test
    void onlyTheLastTruncationsAreStored() {
        for (int i = 0; i < 20; i++) {
            sendAll(0, 1);
            truncate(0).body("deleted", equalTo(1));
        }
        assertThat(stored().getArray("truncations")).hasSize(16);
        assertThat(stored().getInt32("messagesRevision").getValue()).isEqualTo(20);
    }

    /** The document of the old application has fields that the service does not know. */
    @Test
    void unknownFieldsAreKept() {
        BsonDocument legacy = BsonDocument.parse("{conversationId: '" + id + "', sessionId: 's-" + id + "', userId: '"
                + user + "', messages: [{role: 'user', content: 'a', timestamp: {$date: 5}, x: 1},"
                + " {role: 'bot', content: 'b', timestamp: {$date: 6}, y: [2]}, {content: 'c'}],"
                + " createdAt: {$date: 5}, updatedAt: {$date: 6}, __v: 3, plan: {a: 1}}");
        raw().insertOne(legacy).await().indefinitely();
        patch(1, "{\"metadata\":{\"rating\":1}}").statusCode(200);
        truncate(2).body("deleted", equalTo(1));
        sendAll("{\"messages\":[{\"content\":\"d\"}]}").body("messages[0].index", equalTo(2));
        BsonDocument now = stored();
        BsonArray messages = now.getArray("messages");
        assertThat(messages.get(0)).isEqualTo(legacy.getArray("messages").get(0));
        BsonDocument second = messages.get(1).asDocument();
        second.remove("metadata");
        second.remove("metadataBytes");
        assertThat(second).isEqualTo(legacy.getArray("messages").get(1));
        List.of("conversationId", "sessionId", "userId", "createdAt", "__v", "plan")
                .forEach(field -> assertThat(now.get(field)).isEqualTo(legacy.get(field)));
    }

    @Test
    void messagesOfBlocksCannotBeChangedOrRemoved() {
        sendAll(0, 320);
        await().until(() -> stored().containsKey("movedMessages"));
        int offloaded = stored().getInt32("movedMessages").getValue();
        patch(offloaded - 1, "{\"metadata\":{}}").statusCode(409).body("code", equalTo("messages-immutable"));
        truncate(offloaded - 1).statusCode(409).body("code", equalTo("messages-immutable"));
        patch(offloaded, "{\"metadata\":{\"x\":1}}").statusCode(200).body("content", equalTo("m" + offloaded));
        assertThat(contents()).hasSize(320);

        truncate(offloaded).statusCode(200).body("messageCount", equalTo(offloaded));
        assertThat(stored().getArray("messages")).isEmpty();
        JsonPath conversation = get();
        assertThat(conversation.<String>getList("messages.content")).endsWith("m" + (offloaded - 1));
        as(user).get("/api/conversation")
                .then()
                .body("data[0].lastMessage.content", equalTo("m" + (offloaded - 1)))
                .body("data[0].lastMessage.role", equalTo("user"))
                .body("data[0].lastMessage.timestamp", notNullValue());
        send("{\"content\":\"next\"}").statusCode(200).body("message.index", equalTo(offloaded));
        assertThat(contents()).hasSize(offloaded + 1).endsWith("next");

        truncate(offloaded);
        client.getDatabase(database)
                .getCollection("conversation_blocks", BsonDocument.class)
                .deleteMany(Filters.eq("_id.conversation", stored().get("_id")))
                .await()
                .indefinitely();
        as(user).get("/api/conversation")
                .then()
                .statusCode(200)
                .body("data[0].conversationId", equalTo(id))
                .body("data[0].lastMessage", nullValue());
    }

    /** A second block of the same id, because the messages differ. */
    @Test
    void messagesThatWereReplacedAreOffloadedAgain() {
        sendAll(0, 100);
        set(Updates.set("messages.50.content", new BsonString("before")));
        sendAll(100, 320);
        await().until(() -> stored().containsKey("movedMessages"));
        int offloaded = stored().getInt32("movedMessages").getValue();
        truncate(offloaded).statusCode(200);
        sendAll(1000, 1320);
        await().until(() -> stored().getInt32("movedMessages").getValue() > offloaded);
        List<String> all = contents();
        assertThat(all).hasSize(offloaded + 320).contains("before");
        assertThat(all.subList(offloaded, offloaded + 320))
                .isEqualTo(IntStream.range(1000, 1320).mapToObj(i -> "m" + i).toList());
        assertThat(get().getString("messages[0].metadata"))
                .satisfies(m -> assertThat(m).isNull());
        as(user).get(path + "/messages?before=1").then().body("data[0].metadata", nullValue());
    }
}
