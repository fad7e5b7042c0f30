package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.bson.BsonDocument;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Conversations that another program stored with fields of unexpected types. */
@QuarkusTest
class ForeignDocumentsTest {

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final String id = "foreign-" + UUID.randomUUID();
    private final String path = "/api/conversation/" + id;

    private static RequestSpecification as(String user) {
        return given().auth().oauth2(Tokens.of(user)).contentType(ContentType.JSON);
    }

    private void insert(String fields) {
        client.getDatabase(database)
                .getCollection("conversations", BsonDocument.class)
                .insertOne(BsonDocument.parse(
                        "{conversationId: '" + id + "', sessionId: 's-" + id + "', userId: 'ann', " + fields + "}"))
                .await()
                .indefinitely();
    }

    private Response append(int i) {
        return as("ann").body("{\"content\": \"m" + i + "\"}").post(path + "/message");
    }

    @Test
    void concurrentAppendsToNullMessagesAllSucceed() throws Exception {
        insert("messages: null");
        ExecutorService callers = Executors.newFixedThreadPool(8);
        try {
            List<Future<Response>> calls = IntStream.range(0, 8)
                    .mapToObj(i -> callers.submit(() -> append(i)))
                    .toList();
            List<Integer> indexes = new ArrayList<>();
            for (Future<Response> call : calls) {
                call.get().then().statusCode(200);
                indexes.add(call.get().path("message.index"));
            }
            assertThat(indexes).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7);
        } finally {
            callers.shutdown();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "messages: null",
                "messages: []",
                "messages: 'text'",
                "title: 'no messages'",
                "messages: [], metadata: {$undefined: true}",
                "messages: [], updatedAt: {$undefined: true}"
            })
    void conditionalPatchOfTheCurrentStateSucceeds(String fields) {
        insert(fields);
        String tag = as("ann").get(path).header("ETag");
        as("ann")
                .header("If-Match", tag)
                .body("{\"title\": \"new\", \"metadata\": {\"a\": 1}}")
                .patch(path)
                .then()
                .statusCode(200)
                .body("title", equalTo("new"));
        as("ann").header("If-Match", tag).body("{}").patch(path).then().statusCode(412);
    }

    @ParameterizedTest
    @ValueSource(strings = {"null", "'5'", "0", "{$undefined: true}"})
    void offloadedCountOfAnotherTypeCountsAsZero(String count) {
        insert("movedMessages: " + count + ", messages: [{role: 'user', content: 'first'}]");
        as("ann")
                .header("Idempotency-Key", "key")
                .body("{\"content\": \"second\"}")
                .post(path + "/message")
                .then()
                .statusCode(200)
                .body("message.index", equalTo(1));
        as("ann").get(path + "/messages?after=0").then().statusCode(200).body("data", hasSize(1));
        as("ann").get(path + "/messages?before=1").then().statusCode(200).body("data", hasSize(1));
        as("ann").get(path).then().statusCode(200).body("messageCount", equalTo(2));
    }

    @Test
    void readWithAnOutdatedIfMatchFails() {
        insert("messages: []");
        as("ann").header("If-Match", "\"other\"").get(path).then().statusCode(412);
        as("ann").header("If-Match", "*").get(path).then().statusCode(200);
    }

    @Test
    void patchWithManySmallObjectsIsRejectedBeforeTheConversationIsRead() {
        insert("messages: []");
        String objects = "{},".repeat(20_000) + "{}";
        as("ann")
                .body("{\"metadata\": {\"a\": [" + objects + "]}}")
                .patch(path)
                .then()
                .statusCode(400)
                .body("violations[0].field", equalTo("metadata"));
    }
}
