package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.store.Conversation;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.Document;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@QuarkusTest
class ExportTest {

    private static final int LONG = 32 * 1024;

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final ObjectMapper json = new ObjectMapper();
    private final String id = "export-" + UUID.randomUUID();

    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection(ConversationFields.COLLECTION, BsonDocument.class);
    }

    private static RequestSpecification as(String caller) {
        return given().auth()
                .oauth2(Tokens.of(caller))
                .contentType(ContentType.JSON)
                .urlEncodingEnabled(false);
    }

    private BsonDocument withMessages(BsonValue messages) {
        return new BsonDocument("conversationId", new BsonString(id))
                .append("sessionId", new BsonString(id))
                .append("userId", new BsonString("ann"))
                .append("messages", messages)
                .append("createdAt", new BsonDateTime(1_000))
                .append("updatedAt", new BsonDateTime(2_000));
    }

    private void insert(BsonDocument conversation) {
        raw().insertOne(conversation).await().indefinitely();
    }

    private void insert(int count, int length) {
        insert(withMessages(new BsonArray(IntStream.range(0, count)
                .mapToObj(i -> new Message("user", i + "-" + "a".repeat(length), Conversation.now(), null).toBson())
                .toList())));
    }

    private JsonNode export() throws IOException {
        Response export = as("ann").get("/api/conversation/" + id + "/export");
        export.then().statusCode(200).contentType("application/json");
        return json.readTree(export.asByteArray());
    }

    private JsonNode view() throws IOException {
        return json.readTree(as("ann").get("/api/conversation/" + id).asByteArray());
    }

    @Test
    void shortConversationIsExportedAsItIsShown() throws IOException {
        Response started = as("ann").body("""
                        {"messages": [{"content": "hi"}, {"role": "assistant", "content": "hello"}],
                         "title": "t", "metadata": {"n": 9007199254740993, "deep": {"list": [1, null, 0.1]}}}
                        """).post("/api/conversation/start");
        String path = "/api/conversation/" + started.path("conversationId");
        assertThat(json.readTree(as("ann").get(path + "/export").asByteArray()))
                .isEqualTo(json.readTree(as("ann").get(path).asByteArray()));
    }

    @Test
    void longConversationIsExportedWhole() throws IOException {
        insert(3_000, 200);
        JsonNode export = export();
        assertThat(export.path("messageCount").asInt()).isEqualTo(3_000);
        assertThat(export.path("messages")).hasSize(3_000);
        for (int i = 0; i < 3_000; i++) {
            JsonNode message = export.path("messages").path(i);
            assertThat(message.path("index").asInt()).isEqualTo(i);
            assertThat(message.path("content").asText()).isEqualTo(i + "-" + "a".repeat(200));
        }
        ObjectNode view = (ObjectNode) view();
        assertThat(view.remove("older")).isNotNull();
        view.set("messages", export.path("messages"));
        assertThat(export).isEqualTo(view);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{messages: []}",
                "{messages: null}",
                "{messages: 'none'}",
                "{messages: {a: 1}}",
                "{messages: [null, 'text', 5, {role: 'user', content: 'x'}, {}, {content: 5}]}",
                "{messages: [['a'], [{role: 'user'}], [[]]]}",
                "{messages: [], createdAt: null, updatedAt: 'yesterday', title: 5, metadata: 'none'}"
            })
    void documentsOfOtherProgramsAreExportedAsTheyAreShown(String fields) throws IOException {
        if (fields.contains("[[") || fields.contains("'text'")) {
            TestServer.assumeGenuine("fields of values that are no documents");
        }
        BsonDocument conversation = withMessages(new BsonArray());
        conversation.putAll(BsonDocument.parse(fields));
        insert(conversation);
        assertThat(export()).isEqualTo(view());
    }

    @Test
    void conversationWithoutMessagesIsExported() throws IOException {
        BsonDocument conversation = withMessages(new BsonArray());
        conversation.remove("messages");
        insert(conversation);
        assertThat(export()).isEqualTo(view());
    }

    @Test
    void anyTextIsExportedAsItIs() throws IOException {
        List<String> texts = List.of(
                "\0",
                "a\0b",
                "\u0001\u001f\u007f\u0085",
                "\u202e\u2066abc\u2069",
                "e" + "\u0301".repeat(9_000),
                "\ud83d\ude00\ud83c\udff3\ufe0f\u200d\ud83c\udf08",
                "\ufeff\ufffe\uffff",
                "\u2028\u2029",
                "\"\\/\b\f\n\r\t",
                "\udbff\udfff",
                "</script>",
                "מַה שְּׁלוֹמְךָ");
        insert(withMessages(new BsonArray(texts.stream()
                .map(text -> new Message("user", text, Conversation.now(), null).toBson())
                .toList())));
        assertThat(export().path("messages").findValuesAsText("content")).isEqualTo(texts);
    }

    @Test
    void bytesThatAreNoTextDoNotStopIt() throws IOException {
        TestServer.assumeGenuine("strings that are no UTF-8");
        byte[] bytes = new RawBsonDocument(
                        withMessages(new BsonArray(
                                        List.of(new Message("user", "lone: @@@", Conversation.now(), null).toBson())))
                                .append("_id", new BsonString(id)),
                        new BsonDocumentCodec())
                .getByteBuffer()
                .array()
                .clone();
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("@@@");
        bytes[at] = (byte) 0xed;
        bytes[at + 1] = (byte) 0xa0;
        bytes[at + 2] = (byte) 0x80;
        insert(new RawBsonDocument(bytes));
        assertThat(export()).isEqualTo(view());
        assertThat(export().path("messages").path(0).path("content").asText()).startsWith("lone: \ufffd");
    }

    @Test
    void conversationOfAnotherUserDoesNotExist() {
        insert(1, 1);
        String path = "/api/conversation/" + id + "/export";
        Response stranger = as("bob").get(path);
        stranger.then().statusCode(404).contentType("application/problem+json");
        assertThat(stranger.header("Content-Disposition")).isNull();
        as("ann").delete("/api/conversation/" + id).then().statusCode(204);
        assertThat(as("bob").get(path).asByteArray()).isEqualTo(stranger.asByteArray());
        given().get(path).then().statusCode(401);
    }

    @ParameterizedTest
    @CsvSource({
        "my-first_1, conversation-my-first_1.json",
        "..%2f..%5cetc, conversation-______etc.json",
        "a%22%3b%0d%0aX-Evil:%201, conversation-a____X-Evil__1.json",
        "%e2%80%ae%c3%a9, conversation-__.json"
    })
    void nameOfTheFileIsSafe(String encoded, String name) {
        as("ann").body("{\"content\": \"a\"}").post("/api/conversation/" + encoded + "/message");
        Response export = as("ann").get("/api/conversation/" + encoded + "/export");
        export.then().statusCode(200);
        assertThat(export.header("Content-Disposition")).isEqualTo("attachment; filename=\"" + name + "\"");
        assertThat(export.headers().hasHeaderWithName("X-Evil")).isFalse();
        as("ann").delete("/api/conversation/" + encoded).then().statusCode(204);
    }

    /** A client that requests the export, reads its first bytes and then pauses. */
    private RawHttp begin() throws IOException {
        return new RawHttp(RestAssured.port)
                .request(
                        "GET /api/conversation/" + id + "/export HTTP/1.1\nAuthorization: Bearer " + Tokens.of("ann"),
                        new byte[0]);
    }

    @Test
    void messageThatComesMeanwhileIsNotInItHalf() throws IOException {
        insert(450, LONG);
        try (RawHttp reader = begin()) {
            byte[] first = reader.read(1_000);
            for (int i = 0; i < 5; i++) {
                as("ann")
                        .body("{\"content\": \"late\"}")
                        .post("/api/conversation/" + id + "/message")
                        .then()
                        .statusCode(200);
            }
            RawHttp.Answer answer = reader.answer(first);
            assertThat(answer.whole()).isTrue();
            JsonNode export = json.readTree(answer.body());
            assertThat(export.path("messages")).hasSize(450);
            assertThat(export.path("messageCount").asInt()).isEqualTo(450);
        }
        assertThat(export().path("messageCount").asInt()).isEqualTo(455);
    }

    @Test
    void exportThatFailsHalfWayLooksLikeNoWholeDocument() throws IOException {
        insert(450, LONG);
        try (RawHttp reader = begin()) {
            byte[] first = reader.read(1_000);
            as("ann").delete("/api/conversation/" + id).then().statusCode(204);
            RawHttp.Answer answer = reader.answer(first);
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.whole()).isFalse();
        }
    }

    @Test
    void slowReaderHoldsTheReadsBack() throws IOException {
        TestServer.assumeGenuine("profiler");
        insert(450, LONG);
        profile(2);
        try (RawHttp reader = begin()) {
            byte[] first = reader.read(1_000);
            // the service reads ahead only what fits into the connection's buffers: about 4 of 15 MiB
            await().during(Duration.ofSeconds(1)).atMost(Duration.ofSeconds(20)).until(() -> pagesRead() < 120);
            assertThat(pagesRead()).isPositive();
            assertThat(reader.answer(first).whole()).isTrue();
            assertThat(pagesRead()).isGreaterThan(150);
        } finally {
            profile(0);
        }
    }

    private void profile(int level) {
        client.getDatabase(database)
                .runCommand(new Document("profile", level))
                .await()
                .indefinitely();
    }

    private long pagesRead() {
        return client.getDatabase(database)
                .getCollection("system.profile")
                .countDocuments(Filters.eq("command.aggregate", ConversationFields.COLLECTION))
                .await()
                .indefinitely();
    }
}
