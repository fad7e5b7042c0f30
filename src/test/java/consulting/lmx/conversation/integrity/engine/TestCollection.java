package consulting.lmx.conversation.integrity.engine;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoClient;
import com.mongodb.reactivestreams.client.MongoClients;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.ConversationInvariant;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.index.IndexCommands;
import consulting.lmx.conversation.integrity.engine.index.UniqueIndexes;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.Publishers;
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

/** A collection of conversations in a separate database, with the engine but without the application. */
public final class TestCollection implements AutoCloseable {

    public static final Invariant INVARIANT = ConversationInvariant.withRetention(Optional.empty());
    public static final RequiredKey SESSION_ID = INVARIANT.keys().get(0);
    public static final RequiredKey CONVERSATION_ID = INVARIANT.keys().get(1);

    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final MongoClient client;
    public final MongoDatabase database;
    public final MongoCollection<BsonDocument> collection;
    public final Capabilities capabilities = new Capabilities();
    public final AtomicLong healed = new AtomicLong();

    public TestCollection() {
        this(TestServer.uri());
    }

    public TestCollection(String uri) {
        client = MongoClients.create(uri);
        database = client.getDatabase(TestServer.newDatabase());
        collection = database.getCollection(INVARIANT.collection(), BsonDocument.class);
    }

    public static <T> T await(Publisher<T> publisher) {
        return Publishers.one(publisher).await().atMost(LIMIT);
    }

    public TestCollection with(List<BsonDocument> documents) {
        await(collection.insertMany(documents));
        return this;
    }

    public TestCollection with(String... documents) {
        return with(List.of(documents).stream().map(BsonDocument::parse).toList());
    }

    public TestCollection withIndex(Bson key, IndexOptions options) {
        await(collection.createIndex(key, options));
        return this;
    }

    public RunProgress progress() {
        return new RunProgress(
                UUID.randomUUID().toString(),
                Clock.systemUTC().instant(),
                INVARIANT,
                (defect, n) -> healed.addAndGet(n));
    }

    public IntegrityRun run(RunProgress progress, ValidatorMode mode) {
        HealSettings settings = settings(Optional.of(mode), false);
        return run(progress, settings);
    }

    public static HealSettings settings(Optional<ValidatorMode> mode, boolean keepUnset) {
        return new HealSettings(mode, keepUnset, 100, OptionalInt.empty(), false, Optional.empty());
    }

    public IntegrityRun run(RunProgress progress, HealSettings settings) {
        return new IntegrityRun(database, INVARIANT, settings, progress, capabilities, Clock.systemUTC());
    }

    public IntegrityReport heal() {
        return run(progress(), ValidatorMode.ENFORCE).heal().await().atMost(LIMIT);
    }

    public IntegrityReport verify() {
        return run(progress(), ValidatorMode.ENFORCE).verify().await().atMost(LIMIT);
    }

    public Map<BsonValue, BsonDocument> byId() {
        return Publishers.list(collection.find()).await().atMost(LIMIT).stream()
                .collect(Collectors.toMap(document -> document.get("_id"), document -> document));
    }

    public BsonDocument one(Object id) {
        return await(collection.find(Filters.eq("_id", id)).first());
    }

    public List<IndexView> indexes(RequiredKey key) {
        return new UniqueIndexes(new IndexCommands(database, collection), null, capabilities)
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
