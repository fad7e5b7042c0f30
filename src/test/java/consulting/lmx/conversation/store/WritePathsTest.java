package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndReplaceOptions;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.ReplaceOptions;
import com.mongodb.client.model.Updates;
import io.quarkus.mongodb.panache.reactive.runtime.JavaReactiveMongoOperations;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every way to write a conversation, each with an attempt to store one without a {@code sessionId}. */
@QuarkusTest
class WritePathsTest {

    private static final List<String> NO_SESSION_IDS = Arrays.asList(null, "", " \t\u2003");

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    /** The collection without the service's codec. */
    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection(ConversationFields.COLLECTION, BsonDocument.class);
    }

    private BsonDocument stored(String conversationId) {
        return raw().find(Filters.eq("conversationId", conversationId))
                .toUni()
                .await()
                .indefinitely();
    }

    private static Conversation without(String sessionId) {
        Conversation conversation = new Conversation();
        conversation.conversationId = UUID.randomUUID().toString();
        conversation.userId = "somebody";
        conversation.sessionId = sessionId;
        return conversation;
    }

    /** A write of an entity, by its name. */
    record EntityWrite(String name, Function<Conversation, Uni<?>> write) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Arguments> entityWrites() {
        List<EntityWrite> writes = List.of(
                new EntityWrite("persist", c -> c.persist()),
                new EntityWrite("persistOrUpdate", c -> c.persistOrUpdate()),
                new EntityWrite("persist(Iterable)", c -> Conversation.persist(List.of(c))),
                new EntityWrite("persist(Stream)", c -> Conversation.persist(Stream.of(c))),
                new EntityWrite("persist(first, others)", c -> Conversation.persist(c, without(null))),
                new EntityWrite("persistOrUpdate(Iterable)", c -> Conversation.persistOrUpdate(List.of(c))),
                new EntityWrite("persistOrUpdate(Stream)", c -> Conversation.persistOrUpdate(Stream.of(c))),
                new EntityWrite("insertOne", c -> entities().insertOne(c)),
                new EntityWrite("insertMany", c -> entities().insertMany(List.of(c))),
                new EntityWrite(
                        "replaceOne upsert", c -> entities().replaceOne(byId(c), c, new ReplaceOptions().upsert(true))),
                new EntityWrite(
                        "findOneAndReplace upsert",
                        c -> entities().findOneAndReplace(byId(c), c, new FindOneAndReplaceOptions().upsert(true))),
                new EntityWrite("bulk insert", c -> entities().bulkWrite(List.of(new InsertOneModel<>(c)))),
                new EntityWrite(
                        "bulk replace",
                        c -> entities()
                                .bulkWrite(List.of(
                                        new ReplaceOneModel<>(byId(c), c, new ReplaceOptions().upsert(true))))));
        return writes.stream().flatMap(write -> NO_SESSION_IDS.stream().map(id -> Arguments.of(write, id)));
    }

    @SuppressWarnings("unchecked")
    private static ReactiveMongoCollection<Conversation> entities() {
        return JavaReactiveMongoOperations.INSTANCE.mongoCollection(Conversation.class);
    }

    private static Bson byId(Conversation conversation) {
        return Filters.eq("conversationId", conversation.conversationId);
    }

    @ParameterizedTest
    @MethodSource("entityWrites")
    void entityIsStoredWithASessionIdWhateverWasTakenFromIt(EntityWrite write, String sessionId) {
        Conversation conversation = without(sessionId);
        write.write().apply(conversation).await().indefinitely();
        String stored =
                stored(conversation.conversationId).getString("sessionId").getValue();
        assertThat(UUID.fromString(stored)).hasToString(stored);
        assertThat(conversation.sessionId).isEqualTo(stored);
    }

    static Stream<Arguments> entityUpdates() {
        List<EntityWrite> writes = List.of(
                new EntityWrite("update", c -> c.update()),
                new EntityWrite("persistOrUpdate", c -> c.persistOrUpdate()),
                new EntityWrite("update(Iterable)", c -> Conversation.update(List.of(c))),
                new EntityWrite("update(Stream)", c -> Conversation.update(Stream.of(c))),
                new EntityWrite("update(first, others)", c -> Conversation.update((Object) c)),
                new EntityWrite("replaceOne", c -> entities().replaceOne(byId(c), c)),
                new EntityWrite("findOneAndReplace", c -> entities().findOneAndReplace(byId(c), c)),
                new EntityWrite("bulk replace", c -> entities().bulkWrite(List.of(new ReplaceOneModel<>(byId(c), c)))));
        return writes.stream().flatMap(write -> NO_SESSION_IDS.stream().map(id -> Arguments.of(write, id)));
    }

    @ParameterizedTest
    @MethodSource("entityUpdates")
    void entityKeepsASessionIdWhenItIsUpdatedWithout(EntityWrite write, String sessionId) {
        Conversation conversation = without("the first");
        conversation.sessionId = UUID.randomUUID().toString();
        conversation.persist().await().indefinitely();
        conversation.sessionId = sessionId;
        write.write().apply(conversation).await().indefinitely();
        String stored =
                stored(conversation.conversationId).getString("sessionId").getValue();
        assertThat(UUID.fromString(stored)).hasToString(stored);
    }

    @Test
    void writesThatBypassHookAndCodecAreNotOffered() {
        assertThatThrownBy(Conversation::mongoCollection).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(Conversation::mongoDatabase).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> Conversation.update("sessionId", (Object) null))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> Conversation.update("sessionId = :s", Map.of("s", "")))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> Conversation.update(Updates.unset("sessionId")))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void recordWithoutItsOtherIdsIsRefusedBeforeItIsSent() {
        Conversation nameless = without(null);
        nameless.conversationId = " ";
        assertThatThrownBy(() -> nameless.persist().await().indefinitely()).hasMessageContaining("conversationId");
        Conversation nobodys = without(null);
        nobodys.userId = null;
        assertThatThrownBy(
                        () -> Conversation.persist(Stream.of(nobodys)).await().indefinitely())
                .hasMessageContaining("userId");
        assertThat(stored(nobodys.conversationId)).isNull();
    }

    @Test
    void newEntityHasASessionIdOfItsOwn() {
        assertThat(new Conversation().sessionId).isNotBlank().isNotEqualTo(new Conversation().sessionId);
    }

    @Test
    void hookSetsTheTimeOfTheUpdateAndCountsWhatItGenerated() {
        Conversation conversation = without(null);
        conversation.updatedAt = null;
        double before = generated("hook");
        conversation.persist().await().indefinitely();
        assertThat(conversation.updatedAt).isNotNull();
        assertThat(stored(conversation.conversationId).getDateTime("updatedAt").getValue())
                .isEqualTo(conversation.updatedAt.toEpochMilli());
        assertThat(generated("hook")).isEqualTo(before + 1);
    }

    @Test
    void codecCountsWhatItGenerated() {
        double before = generated("codec");
        Conversation.persist(Stream.of(without(null))).await().indefinitely();
        assertThat(generated("codec")).isEqualTo(before + 1);
    }

    private static double generated(String layer) {
        return io.micrometer.core.instrument.Metrics.counter("conversations.session.id.generated", "layer", layer)
                .count();
    }

    @Test
    void everythingThatIsNotKnownHereSurvivesEveryWriteInItsOrderAndType() {
        String id = UUID.randomUUID().toString();
        BsonDocument before = BsonDocument.parse("""
                {extra: {$numberDecimal: '1.10'}, conversationId: '%s', __v: 5, sessionId: 's-%s', zeta: {$numberLong: '7'},
                 messages: [{role: 'user', content: 'hi', timestamp: {$date: 5}, flag: true, n: {$numberDouble: '2.0'}},
                            'no document'],
                 userId: 'u', createdAt: 'no date', list: [1, {b: 1, a: null}], pattern: {$regularExpression: {pattern: 'x', options: 'i'}},
                 metadata: {b: {$numberInt: '1'}, a: {$date: 9}}}
                """.formatted(id, id));
        raw().insertOne(before).await().indefinitely();
        BsonValue key = before.get("_id");

        Conversation conversation = Conversation.<Conversation>find(Filters.eq("conversationId", id))
                .firstResult()
                .await()
                .indefinitely();
        Message added = new Message("assistant", "hello", java.time.Instant.ofEpochMilli(10), null);
        conversation.messages.add(added);
        conversation.update().await().indefinitely();

        BsonDocument expected = before.clone();
        expected.getArray("messages")
                .add(BsonDocument.parse("{role: 'assistant', content: 'hello', timestamp: {$date: 10}, _id: {$oid: '"
                        + added.id() + "'}}"));
        expected.append("updatedAt", new org.bson.BsonDateTime(conversation.updatedAt.toEpochMilli()));
        BsonDocument after = stored(id);
        assertThat(after).isEqualTo(expected);
        assertThat(after.keySet()).containsExactlyElementsOf(withFirst("_id", expected.keySet()));
        assertThat(after.get("_id")).isEqualTo(key);
        assertThat(after.toJson()).isEqualTo(reordered(expected).toJson());
    }

    private static List<String> withFirst(String first, Iterable<String> rest) {
        List<String> names = new ArrayList<>(List.of(first));
        rest.forEach(name -> {
            if (!name.equals(first)) {
                names.add(name);
            }
        });
        return names;
    }

    /** The document in the order in which a server stores it: {@code _id} first. */
    private static BsonDocument reordered(BsonDocument document) {
        BsonDocument ordered = new BsonDocument("_id", document.get("_id"));
        document.forEach(ordered::putIfAbsent);
        return ordered;
    }
}
