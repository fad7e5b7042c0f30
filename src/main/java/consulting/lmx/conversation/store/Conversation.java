package consulting.lmx.conversation.store;

import consulting.lmx.conversation.mongo.ServerClock;
import consulting.lmx.conversation.text.Text;
import io.quarkus.arc.Arc;
import io.quarkus.arc.ArcContainer;
import io.quarkus.mongodb.panache.common.MongoEntity;
import io.quarkus.mongodb.panache.common.reactive.ReactivePanacheUpdate;
import io.quarkus.mongodb.panache.reactive.ReactivePanacheMongoEntityBase;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.mongodb.reactive.ReactiveMongoDatabase;
import io.smallrye.mutiny.Uni;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * A conversation as it is stored. It cannot be stored without a {@code sessionId}: it gives itself one when it is
 * constructed, the persist hook gives it one where that was taken away again, and {@link ConversationCodec}, which every
 * way of writing it passes, does so where the hook is not called. Fields of the stored document that are not known here
 * stay with it, in their order and of their type, through every write.
 */
@MongoEntity(collection = ConversationFields.COLLECTION)
public class Conversation extends ReactivePanacheMongoEntityBase {

    private static final Logger LOG = Logger.getLogger(Conversation.class);

    /** The document's own key; null until it is first stored. */
    public BsonValue id;

    /** Unique, not blank. */
    public String conversationId;

    /** Unique, not blank. */
    public String sessionId;

    /** Whose it is: the subject of the caller's token. */
    public String userId;

    /** Those that the document itself holds, oldest first. */
    public List<Message> messages = new ArrayList<>();

    public Instant createdAt;

    public Instant updatedAt;

    /** Optional. */
    public String title;

    /** Optional, the caller's own. */
    public BsonDocument metadata;

    /** A digest of the request that started it under an {@code Idempotency-Key}; null where it was started without. */
    public String startRequest;

    /** The document that this was read from, whole; null for one that was never stored. */
    BsonDocument stored;

    /** A new one, with a {@code sessionId} of its own. */
    public Conversation() {
        this(null, SessionId.random(), null);
    }

    /** A new one; both ids should be given, and a missing {@code sessionId} is made up for by the layers below. */
    public Conversation(String conversationId, String sessionId, String userId) {
        this.conversationId = conversationId;
        this.sessionId = sessionId;
        this.userId = userId;
        this.createdAt = now();
        this.updatedAt = createdAt;
    }

    /** The database's time as MongoDB stores it: to the millisecond. */
    public static Instant now() {
        ArcContainer container = Arc.container();
        InstantSource clock = container == null
                ? InstantSource.system()
                : container.instance(ServerClock.class).get();
        return clock.instant().truncatedTo(ChronoUnit.MILLIS);
    }

    @Override
    public <T extends ReactivePanacheMongoEntityBase> Uni<T> persist() {
        return afterHook(super::persist);
    }

    @Override
    public <T extends ReactivePanacheMongoEntityBase> Uni<T> update() {
        return afterHook(super::update);
    }

    @Override
    public <T extends ReactivePanacheMongoEntityBase> Uni<T> persistOrUpdate() {
        return afterHook(super::persistOrUpdate);
    }

    private <T> Uni<T> afterHook(Supplier<Uni<T>> write) {
        return Uni.createFrom().deferred(() -> {
            boolean isNew = stored == null && id == null;
            updatedAt = isNew && createdAt != null ? createdAt : now();
            ensureSessionId("hook");
            return write.get();
        });
    }

    /** Generates the {@code sessionId} where it is missing, says so and counts it for {@code layer}. */
    void ensureSessionId(String layer) {
        if (!SessionId.isValid(sessionId)) {
            sessionId = SessionId.random();
            LOG.warnf("sessionId was missing and auto-generated: %s (conversation %s)", sessionId, conversationId);
            SessionId.countGenerated(layer);
        }
    }

    /**
     * Refuses what may not be stored.
     *
     * @throws InvalidRecordException naming the field that is missing or blank
     */
    void requireValid() {
        requireText(ConversationFields.CONVERSATION_ID, conversationId);
        requireText(ConversationFields.SESSION_ID, sessionId);
        requireText(ConversationFields.USER_ID, userId);
    }

    private static void requireText(String field, String value) {
        if (Text.isBlank(value)) {
            throw new InvalidRecordException(field);
        }
    }

    /** Not offered: writes through it would pass neither the hook nor the codec. */
    @SuppressWarnings("unused")
    public static <T extends ReactivePanacheMongoEntityBase> ReactiveMongoCollection<T> mongoCollection() {
        throw unguarded("mongoCollection()");
    }

    /** Not offered: it would hand out the collection unguarded. */
    public static ReactiveMongoDatabase mongoDatabase() {
        throw unguarded("mongoDatabase()");
    }

    /** Not offered: an update in words passes neither the hook nor the codec. */
    public static ReactivePanacheUpdate update(String update, Object... params) {
        throw unguarded("update(String, …)");
    }

    /** Not offered: an update in words passes neither the hook nor the codec. */
    public static ReactivePanacheUpdate update(String update, Map<String, Object> params) {
        throw unguarded("update(String, Map)");
    }

    /** Not offered: an update in words passes neither the hook nor the codec. */
    @SuppressWarnings("deprecation")
    public static ReactivePanacheUpdate update(String update, io.quarkus.panache.common.Parameters params) {
        throw unguarded("update(String, Parameters)");
    }

    /** Not offered: an update document passes neither the hook nor the codec. */
    public static ReactivePanacheUpdate update(Bson update) {
        throw unguarded("update(Bson)");
    }

    private static UnsupportedOperationException unguarded(String method) {
        return new UnsupportedOperationException("Conversation." + method
                + " is not offered, since it could store a conversation without its sessionId: change the entity and"
                + " update() it, or add an operation to Conversations");
    }
}
