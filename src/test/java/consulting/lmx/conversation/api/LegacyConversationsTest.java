package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.Calls;
import consulting.lmx.conversation.testsupport.LegacyDump;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.types.ObjectId;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Conversations of the old application pass every route, and each write changes only what it was asked to change. */
@QuarkusTest
class LegacyConversationsTest {

    private static final String UPDATED_AT = "updatedAt";

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final String user = "user-" + UUID.randomUUID();
    private final String id = "legacy-" + UUID.randomUUID();
    private final String path = "/api/conversation/" + id;

    /** One conversation of each form in the dump: its fields, their types and the fields of its messages. */
    static Stream<BsonDocument> conversations() {
        return LegacyDump.documents().stream()
                .filter(document -> document.isArray("messages"))
                .filter(document -> document.getArray("messages").size() > 2)
                .collect(
                        Collectors.toMap(LegacyConversationsTest::form, document -> document, (first, second) -> first))
                .values()
                .stream();
    }

    private static String form(BsonDocument document) {
        StringBuilder form = new StringBuilder();
        document.forEach((field, value) -> form.append(field).append(value.getBsonType()));
        return form.append(document.getArray("messages").get(0).asDocument().keySet())
                .toString();
    }

    @ParameterizedTest
    @MethodSource("conversations")
    void routesChangeOnlyWhatTheyAreAskedToChange(BsonDocument legacy) {
        insert(legacy);
        BsonDocument before = stored();

        Stream.of(path, path + "/messages?after=0", path + "/export", "/api/session/s-" + id, "/api/conversation")
                .forEach(read -> as().get(read).then().statusCode(200));
        assertBytes(before, stored());

        ok(as().body("{\"archived\": true}").patch(path)).body("archived", equalTo(true));
        assertBytes(before, without(stored(), "archived"));

        ok(as().body("{\"metadata\": {\"feedback\": \"good\"}}").patch(path + "/messages/1"))
                .body("metadata.feedback", equalTo("good"));
        BsonDocument rated = without(stored(), "archived", "messagesRevision");
        BsonArray messages = rated.getArray("messages");
        messages.set(1, without(messages.get(1).asDocument(), "metadata", "metadataBytes"));
        assertBytes(before, rated);

        int count = before.getArray("messages").size();
        ok(as().body("{\"messages\": [{\"content\": \"one\"}, {\"content\": \"two\"}]}")
                        .post(path + "/messages"))
                .body("messages.index", equalTo(List.of(count, count + 1)));
        ok(as().delete(path + "/messages?from=" + count)).body("messageCount", equalTo(count));
        BsonDocument truncated = without(stored(), "archived", "messagesRevision", "truncations");
        messages = truncated.getArray("messages");
        messages.set(1, without(messages.get(1).asDocument(), "metadata", "metadataBytes"));
        assertBytes(before, truncated);

        ok(as().delete(path + "/messages?from=1")).body("messageCount", equalTo(1));
        before.put("messages", new BsonArray(before.getArray("messages").subList(0, 1)));
        assertBytes(before, without(stored(), "archived", "messagesRevision", "truncations"));
    }

    private RequestSpecification as() {
        return Calls.as(user).contentType(ContentType.JSON);
    }

    private static ValidatableResponse ok(Response response) {
        return response.then().statusCode(200);
    }

    private ReactiveMongoCollection<BsonDocument> collection() {
        return client.getDatabase(database).getCollection("conversations", BsonDocument.class);
    }

    /** Stores the conversation under ids and an owner of its own, with its other fields as they are. */
    private void insert(BsonDocument legacy) {
        BsonDocument own = legacy.clone();
        own.put("_id", new BsonObjectId(new ObjectId()));
        own.put("conversationId", new BsonString(id));
        own.put("sessionId", new BsonString("s-" + id));
        own.put("userId", new BsonString(user));
        collection().insertOne(own).await().indefinitely();
    }

    private BsonDocument stored() {
        return collection()
                .find(Filters.eq("conversationId", id))
                .toUni()
                .await()
                .indefinitely();
    }

    private static BsonDocument without(BsonDocument document, String... fields) {
        BsonDocument rest = document.clone();
        assertThat(rest.keySet()).contains(fields);
        rest.keySet().removeAll(List.of(fields));
        return rest;
    }

    /** Compares the bytes, so that the order of the fields counts too, but not the value of {@code updatedAt}. */
    private static void assertBytes(BsonDocument before, BsonDocument after) {
        BsonDocument expected = before.clone();
        Optional.ofNullable(after.get(UPDATED_AT)).ifPresent(updated -> expected.put(UPDATED_AT, updated));
        assertThat(bytes(after)).as(after.toJson()).isEqualTo(bytes(expected));
    }

    private static byte[] bytes(BsonDocument document) {
        RawBsonDocument raw = new RawBsonDocument(document, new BsonDocumentCodec());
        byte[] bytes = new byte[raw.getByteBuffer().remaining()];
        raw.getByteBuffer().get(bytes);
        return bytes;
    }
}
