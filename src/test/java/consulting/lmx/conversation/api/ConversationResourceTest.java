package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.micrometer.core.instrument.Metrics;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class ConversationResourceTest {

    private static final String UUID_V4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
    private static final String DATE = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection(ConversationFields.COLLECTION, BsonDocument.class);
    }

    private BsonDocument stored(String conversationId) {
        return raw().find(Filters.eq("conversationId", conversationId))
                .toUni()
                .await()
                .indefinitely();
    }

    private static RequestSpecification as(String user) {
        return given().auth().oauth2(Tokens.of(user)).contentType(ContentType.JSON);
    }

    private static Response send(String user, String conversationId, String content) {
        return as(user).body("{\"content\": \"" + content + "\"}")
                .post("/api/conversation/" + conversationId + "/message");
    }

    private static String newId() {
        return "c-" + UUID.randomUUID();
    }

    @Test
    void startWithoutABodyGivesAConversationOfItsOwn() {
        Response response = given().auth().oauth2(Tokens.of("ann")).post("/api/conversation/start");
        response.then()
                .statusCode(201)
                .body("success", equalTo(true))
                .body("conversationId", matchesPattern(UUID_V4))
                .body("sessionId", matchesPattern(UUID_V4))
                .body("conversation.userId", equalTo("ann"))
                .body("conversation.messages", hasSize(0))
                .body("conversation.messageCount", equalTo(0))
                .body("conversation.createdAt", matchesPattern(DATE))
                .body("conversation.updatedAt", matchesPattern(DATE));
        String id = response.path("conversationId");
        response.then()
                .header(
                        "Location",
                        equalTo("http://localhost:" + io.restassured.RestAssured.port + "/api/conversation/" + id))
                .body("conversation.conversationId", equalTo(id))
                .body("conversation.sessionId", equalTo(response.path("sessionId")));
        assertThat(stored(id).keySet())
                .containsExactly("_id", "conversationId", "sessionId", "userId", "messages", "createdAt", "updatedAt");
    }

    @Test
    void startTakesNullAsNoBody() {
        given().auth()
                .oauth2(Tokens.of("ann"))
                .contentType("application/json")
                .body("null")
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.messages", hasSize(0));
    }

    @Test
    void startTakesMessagesTitleAndMetadata() {
        Response response = as("ann").body("""
                        {"messages": [{"content": "hi"}, {"role": "assistant", "content": "hello"}],
                         "title": "t", "metadata": {"source": "web", "n": 1, "deep": {"list": [1, null, true]}}}
                        """).post("/api/conversation/start");
        response.then()
                .statusCode(201)
                .body("conversation.messages.role", equalTo(List.of("user", "assistant")))
                .body("conversation.messages.index", equalTo(List.of(0, 1)))
                .body("conversation.messages[0].timestamp", matchesPattern(DATE))
                .body("conversation.title", equalTo("t"))
                .body("conversation.metadata.deep.list", equalTo(java.util.Arrays.asList(1, null, true)));
        as("ann")
                .get("/api/conversation/" + response.path("conversationId"))
                .then()
                .statusCode(200)
                .body("", equalTo(response.path("conversation")));
    }

    @Test
    void messageToAnUnknownIdCreatesTheConversationAndTheNextOneAppends() {
        String id = newId();
        Response first = send("ann", id, "one");
        first.then()
                .statusCode(201)
                .body("success", equalTo(true))
                .body("conversationId", equalTo(id))
                .body("sessionId", matchesPattern(UUID_V4))
                .body("message.role", equalTo("user"))
                .body("message.content", equalTo("one"))
                .body("message.index", equalTo(0))
                .body("message.timestamp", matchesPattern(DATE));
        send("ann", id, "two")
                .then()
                .statusCode(200)
                .body("sessionId", equalTo(first.path("sessionId")))
                .body("message.index", equalTo(1));
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .statusCode(200)
                .body("conversationId", equalTo(id))
                .body("messages.content", equalTo(List.of("one", "two")))
                .body("messageCount", equalTo(2))
                .body("createdAt", matchesPattern(DATE))
                .body("success", nullValue());
    }

    @Test
    void hundredParallelFirstMessagesMakeOneConversation() throws Exception {
        String id = newId();
        ExecutorService callers = Executors.newFixedThreadPool(100);
        try {
            List<Future<Response>> calls = IntStream.range(0, 100)
                    .mapToObj(i -> callers.submit(() -> sendUntilAccepted("ann", id, "m" + i)))
                    .toList();
            Set<String> sessions = ConcurrentHashMap.newKeySet();
            Set<Integer> indexes = ConcurrentHashMap.newKeySet();
            int created = 0;
            for (Future<Response> call : calls) {
                Response response = call.get();
                assertThat(response.statusCode()).isIn(200, 201);
                created += response.statusCode() == 201 ? 1 : 0;
                sessions.add(response.path("sessionId"));
                indexes.add(response.path("message.index"));
            }
            assertThat(created).isEqualTo(1);
            assertThat(sessions).hasSize(1);
            assertThat(indexes).hasSize(100).contains(0, 99);
        } finally {
            callers.shutdown();
        }
        assertThat(stored(id).getArray("messages")).hasSize(100);
        assertThat(raw().countDocuments(Filters.eq("conversationId", id))
                        .await()
                        .indefinitely())
                .isEqualTo(1);
    }

    /** One caller may not occupy all places, so the service rejects some of a hundred calls at first. */
    private static Response sendUntilAccepted(String caller, String id, String content) {
        Response response = send(caller, id, content);
        while (response.statusCode() == 503
                && response.<String>path("detail").startsWith("The service is overloaded")) {
            response = send(caller, id, content);
        }
        return response;
    }

    @Test
    void conversationOfAnotherUserDoesNotExistOnAnyRoute() {
        String id = newId();
        send("ann", id, "private");
        BsonDocument before = stored(id);
        String missing = newId();

        for (String method : List.of("GET", "DELETE")) {
            Response others = as("bob").request(method, "/api/conversation/" + id);
            Response nobodys = as("bob").request(method, "/api/conversation/" + missing);
            others.then().statusCode(404).contentType("application/problem+json");
            assertThat(others.asString().replace(id, missing)).isEqualTo(nobodys.asString());
        }
        send("bob", id, "let me in").then().statusCode(404).contentType("application/problem+json");
        assertThat(stored(id)).isEqualTo(before);
    }

    @Test
    void deletedConversationIsGone() {
        String id = newId();
        send("ann", id, "one");
        as("ann").delete("/api/conversation/" + id).then().statusCode(204);
        as("ann").get("/api/conversation/" + id).then().statusCode(404);
        as("ann").delete("/api/conversation/" + id).then().statusCode(404);
        assertThat(stored(id)).isNull();
    }

    @Test
    void olderMessagesAreSaidToBeWhereTheyAre() {
        String id = newId();
        StringBuilder messages = new StringBuilder();
        IntStream.range(0, 130)
                .forEach(i -> messages.append(i == 0 ? "" : ",").append("{role: 'user', content: 'm" + i + "'}"));
        raw().insertOne(BsonDocument.parse("{conversationId: '%s', sessionId: '%s', userId: 'ann', messages: [%s]}"
                        .formatted(id, id, messages)))
                .await()
                .indefinitely();
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .body("messages", hasSize(100))
                .body("messages[0].index", equalTo(30))
                .body("messages[99].content", equalTo("m129"))
                .body("messageCount", equalTo(130))
                .body("older", equalTo("/api/conversation/" + id + "/messages?before=30"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ", messages: []", ", messages: null", ", updatedAt: null"})
    void oldDocumentsThatLackFieldsWork(String fields) {
        String id = newId();
        raw().insertOne(BsonDocument.parse("{conversationId: '%s', sessionId: 's-%s', userId: 'ann', __v: 3 %s}"
                        .formatted(id, id, fields)))
                .await()
                .indefinitely();
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .statusCode(200)
                .body("messages", hasSize(0))
                .body("messageCount", equalTo(0));
        send("ann", id, "after years")
                .then()
                .statusCode(200)
                .body("message.index", equalTo(0))
                .body("sessionId", equalTo("s-" + id));
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .body("messages.content", hasItem("after years"))
                .body("updatedAt", matchesPattern(DATE));
        assertThat(stored(id).getInt32("__v").getValue()).isEqualTo(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"user", "assistant", "system", "tool"})
    void everyRoleIsTaken(String role) {
        as("ann")
                .body("{\"role\": \"" + role + "\", \"content\": \"x\"}")
                .post("/api/conversation/" + newId() + "/message")
                .then()
                .statusCode(201)
                .body("message.role", equalTo(role));
    }

    @Test
    void contentMayHaveAsManyBytesAsTheLimitAndNotOneMore() {
        String fits = "é".repeat(16 * 1024);
        as("ann")
                .body("{\"content\": \"" + fits + "\"}")
                .post("/api/conversation/" + newId() + "/message")
                .then()
                .statusCode(201)
                .body("message.content", equalTo(fits));
        String id = newId();
        as("ann")
                .body("{\"content\": \"" + fits + "x\"}")
                .post("/api/conversation/" + id + "/message")
                .then()
                .statusCode(400)
                .body("violations[0].field", equalTo("content"))
                .body("violations[0].message", equalTo("must be at most 32768 bytes of UTF-8"));
        assertThat(stored(id)).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "quote \\\" and \\\\",
                "日本語 😀",
                "\\u0000 and \\u202e",
                "<script>alert(1)</script>",
                "{\\\"$gt\\\": \\\"\\\"}"
            })
    void anyTextIsStoredAsItIs(String json) {
        String id = newId();
        Response sent = as("ann").body("{\"content\": \"" + json + "\"}").post("/api/conversation/" + id + "/message");
        sent.then().statusCode(201);
        String content = sent.path("message.content");
        assertThat(stored(id)
                        .getArray("messages")
                        .get(0)
                        .asDocument()
                        .getString("content")
                        .getValue())
                .isEqualTo(content);
        as("ann").get("/api/conversation/" + id).then().body("messages[0].content", equalTo(content));
    }

    @Test
    void idsThatNeedEncodingRoundTrip() {
        String id = "a b/ü%" + UUID.randomUUID();
        Response first = as("ann").body("{\"content\": \"x\"}").post("/api/conversation/{id}/message", id);
        first.then().statusCode(201).body("conversationId", equalTo(id));
        as("ann")
                .urlEncodingEnabled(false)
                .get(first.header("Location"))
                .then()
                .statusCode(200)
                .body("conversationId", equalTo(id));
    }

    @Test
    void useCasesBringTheSessionIdThemselves() {
        double before = generated();
        as("ann").post("/api/conversation/start").then().statusCode(201);
        send("ann", newId(), "x").then().statusCode(201);
        assertThat(generated()).isEqualTo(before);
    }

    /** The number of sessionIds that lower layers generated. */
    private static double generated() {
        return Stream.of("hook", "codec")
                .mapToDouble(layer -> Metrics.counter("conversations.session.id.generated", "layer", layer)
                        .count())
                .sum();
    }

    @Test
    void metricsCountWhatWasStartedAndSent() {
        send("ann", newId(), "counted");
        given().get("/q/metrics")
                .then()
                .statusCode(200)
                .body(org.hamcrest.Matchers.containsString("conversations_started_total"))
                .body(org.hamcrest.Matchers.containsString("conversations_messages_total"))
                .body(org.hamcrest.Matchers.containsString("conversations_duplicate_key_total"))
                .body(org.hamcrest.Matchers.containsString("conversations_integrity_state{state=\"VERIFIED\"} 1.0"))
                .body(org.hamcrest.Matchers.containsString(
                        "conversations_integrity_healed_total{reason=\"not-a-string\"}"))
                .body(org.hamcrest.Matchers.containsString("conversations_integrity_remaining"));
    }

    @Test
    void bodyOfTheSameIdOfAnotherUserEqualsThatOfAMissingConversation() {
        String id = newId();
        send("ann", id, "x");
        send("bob", id, "y").then().body("detail", not(org.hamcrest.Matchers.containsString("ann")));
    }

    private String legacy(String messages) {
        String id = newId();
        raw().insertOne(BsonDocument.parse("{conversationId: '%s', sessionId: 's-%s', userId: 'ann', messages: %s}"
                        .formatted(id, id, messages)))
                .await()
                .indefinitely();
        return id;
    }

    @Test
    void indexCountsWhateverStandsInTheList() {
        TestServer.assumeGenuine("projections of lists whose elements are no documents");
        String id = legacy("['text', 5, null]");
        send("ann", id, "first").then().statusCode(200).body("message.index", equalTo(3));
        send("ann", id, "second").then().statusCode(200).body("message.index", equalTo(4));
        as("ann")
                .header("Idempotency-Key", "k")
                .body("{\"content\": \"third\"}")
                .post("/api/conversation/" + id + "/message")
                .then()
                .statusCode(200)
                .body("message.index", equalTo(5));
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .body("messageCount", equalTo(6))
                .body("messages[3].content", equalTo("first"))
                .body("messages[5].content", equalTo("third"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"'a text'", "5", "{a: 1}"})
    void nothingIsAppendedToWhatIsNoList(String messages) {
        String id = legacy(messages);
        BsonDocument before = stored(id);
        send("ann", id, "lost").then().statusCode(409).contentType("application/problem+json");
        assertThat(stored(id)).isEqualTo(before);
        as("ann").get("/api/conversation/" + id).then().statusCode(200).body("messages", hasSize(0));
    }

    @Test
    void conversationIsNotYoungerThanItsMessages() {
        for (int i = 0; i < 20; i++) {
            Response started =
                    as("ann").body("{\"messages\": [{\"content\": \"a\"}]}").post("/api/conversation/start");
            assertThat(started.<String>path("conversation.createdAt"))
                    .isLessThanOrEqualTo(started.path("conversation.messages[0].timestamp"))
                    .isLessThanOrEqualTo(started.path("conversation.updatedAt"));
        }
    }

    @Test
    void pageHoldsNoMoreTextThanItsBound() {
        String id = newId();
        String text = "x".repeat(32_000);
        for (int i = 0; i < 40; i++) {
            send("ann", id, i + text);
        }
        Response page = as("ann").get("/api/conversation/" + id);
        page.then().statusCode(200).body("messageCount", equalTo(40));
        assertThat(page.<List<String>>path("messages.content"))
                .hasSizeBetween(10, 20)
                .last()
                .isEqualTo(39 + text);
        Response forward = as("ann").get("/api/conversation/" + id + "/messages?after=2");
        forward.then().body("hasMore", equalTo(true)).body("data[0].index", equalTo(3));
        assertThat(forward.<List<String>>path("data")).hasSizeBetween(10, 20);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"{$symbol: 'text'}", "{a: 'b'}", "['a']", "{$binary: {base64: 'AAAA', subType: '00'}}", "5"})
    void contentThatIsNoTextIsNotShown(String content) {
        TestServer.assumeGenuine("symbols and expressions on lists");
        String id = legacy("[{role: 'user', content: " + content + "}, {role: 'user', content: 'after'}]");
        as("ann")
                .get("/api/conversation/" + id)
                .then()
                .statusCode(200)
                .body("messages.content", equalTo(java.util.Arrays.asList(null, "after")));
    }
}
