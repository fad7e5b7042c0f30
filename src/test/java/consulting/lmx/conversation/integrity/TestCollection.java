package consulting.lmx.conversation.integrity;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoClient;
import com.mongodb.reactivestreams.client.MongoClients;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.testsupport.TestServer;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.reactivestreams.Publisher;

/** A collection of conversations in a database of its own, and the engine over it, without the application around it. */
final class TestCollection implements AutoCloseable {

    static final Invariant INVARIANT = ConversationInvariant.keptFor(Optional.empty());
    static final RequiredKey SESSION_ID = INVARIANT.keys().get(0);
    static final RequiredKey CONVERSATION_ID = INVARIANT.keys().get(1);

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final MongoClient client;
    final MongoDatabase database;
    final MongoCollection<BsonDocument> collection;
    final Capabilities capabilities = new Capabilities();
    final AtomicLong heard = new AtomicLong();

    TestCollection() {
        this(TestServer.uri());
    }

    TestCollection(String uri) {
        client = MongoClients.create(uri);
        database = client.getDatabase(TestServer.newDatabase());
        collection = database.getCollection(INVARIANT.collection(), BsonDocument.class);
    }

    static <T> T await(Publisher<T> publisher) {
        return Publishers.one(publisher).await().atMost(LIMIT);
    }

    TestCollection with(List<BsonDocument> documents) {
        await(collection.insertMany(documents));
        return this;
    }

    TestCollection with(String... documents) {
        return with(List.of(documents).stream().map(BsonDocument::parse).toList());
    }

    TestCollection withIndex(Bson key, IndexOptions options) {
        await(collection.createIndex(key, options));
        return this;
    }

    RunProgress progress() {
        return new RunProgress(
                UUID.randomUUID().toString(),
                Clock.systemUTC().instant(),
                INVARIANT,
                (defect, n) -> heard.addAndGet(n));
    }

    IntegrityRun run(RunProgress progress, ValidatorMode force) {
        HealSettings settings = settings(Optional.of(force), false);
        return run(progress, settings);
    }

    static HealSettings settings(Optional<ValidatorMode> force, boolean leavesUnset) {
        return new HealSettings(force, leavesUnset, 100, OptionalInt.empty(), false, Optional.empty());
    }

    IntegrityRun run(RunProgress progress, HealSettings settings) {
        return new IntegrityRun(database, INVARIANT, settings, progress, capabilities, Clock.systemUTC());
    }

    IntegrityReport heal() {
        return run(progress(), ValidatorMode.ENFORCE).heal().await().atMost(LIMIT);
    }

    IntegrityReport verify() {
        return run(progress(), ValidatorMode.ENFORCE).verify().await().atMost(LIMIT);
    }

    Map<BsonValue, BsonDocument> byId() {
        return Publishers.list(collection.find()).await().atMost(LIMIT).stream()
                .collect(Collectors.toMap(document -> document.get("_id"), document -> document));
    }

    BsonDocument one(Object id) {
        return await(collection.find(Filters.eq("_id", id)).first());
    }

    List<IndexView> indexes(RequiredKey key) {
        return new UniqueIndexes(database, new IndexCommands(database, collection), null, capabilities)
                .indexesOf(key)
                .await()
                .atMost(LIMIT);
    }

    @Override
    public void close() {
        await(database.drop());
        client.close();
    }
}
