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
 * The stored conversation. It always has a {@code sessionId}: the constructor generates one, the persist hook replaces a missing
 * one before each save, and {@link ConversationCodec} does so for writes that bypass the hook. A write keeps the fields that
 * this class does not know, with their order and type.
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

    /** The owner: the subject of the caller's token. */
    public String userId;

    /** The messages that the document itself holds, oldest first. */
    public List<Message> messages = new ArrayList<>();

    public Instant createdAt;

    public Instant updatedAt;

    /** Optional. */
    public String title;

    /** Optional data of the caller's own. */
    public BsonDocument metadata;

    /** The digest of the start request if it had an {@code Idempotency-Key}, else null. */
    public String startRequest;

    /** The whole document as it was read; null if this conversation was never stored. */
    BsonDocument stored;

    /** Creates a conversation with a new {@code sessionId}. */
    public Conversation() {
        this(null, SessionId.random(), null);
    }

    /** Creates a conversation. The layers below generate a missing {@code sessionId}. */
    public Conversation(String conversationId, String sessionId, String userId) {
        this.conversationId = conversationId;
        this.sessionId = sessionId;
        this.userId = userId;
        this.createdAt = now();
        this.updatedAt = createdAt;
    }

    /** Returns the database server's time in milliseconds, the precision of a BSON date. */
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
            beforeSave();
            return write.get();
        });
    }

    /** The persist hook. */
    void beforeSave() {
        boolean isNew = stored == null && id == null;
        updatedAt = isNew && createdAt != null ? createdAt : now();
        ensureSessionId("hook");
    }

    /** Generates a missing {@code sessionId}, logs a warning and counts it for {@code layer}. */
    void ensureSessionId(String layer) {
        if (!SessionId.isValid(sessionId)) {
            sessionId = SessionId.random();
            LOG.warnf("sessionId was missing and auto-generated: %s (conversation %s)", sessionId, conversationId);
            SessionId.countGenerated(layer);
        }
    }

    /** @throws InvalidRecordException if a required field is missing or blank */
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

    /** Not offered: a write through it could bypass the hook and the codec. */
    @SuppressWarnings("unused")
    public static <T extends ReactivePanacheMongoEntityBase> ReactiveMongoCollection<T> mongoCollection() {
        throw unguarded("mongoCollection()");
    }

    /** Not offered: it gives access to the collection. */
    public static ReactiveMongoDatabase mongoDatabase() {
        throw unguarded("mongoDatabase()");
    }

    /** Not offered: an update query bypasses the hook and the codec. */
    public static ReactivePanacheUpdate update(String update, Object... params) {
        throw unguarded("update(String, …)");
    }

    /** Not offered: an update query bypasses the hook and the codec. */
    public static ReactivePanacheUpdate update(String update, Map<String, Object> params) {
        throw unguarded("update(String, Map)");
    }

    /** Not offered: an update query bypasses the hook and the codec. */
    @SuppressWarnings("deprecation")
    public static ReactivePanacheUpdate update(String update, io.quarkus.panache.common.Parameters params) {
        throw unguarded("update(String, Parameters)");
    }

    /** Not offered: an update query bypasses the hook and the codec. */
    public static ReactivePanacheUpdate update(Bson update) {
        throw unguarded("update(Bson)");
    }

    private static UnsupportedOperationException unguarded(String method) {
        return new UnsupportedOperationException("Conversation." + method
                + " is not offered, because it could store a conversation without sessionId: change the entity and call"
                + " update(), or add an operation to Conversations");
    }
}
