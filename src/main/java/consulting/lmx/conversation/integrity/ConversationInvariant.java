package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.model.Companion;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.SecondaryIndex;
import consulting.lmx.conversation.integrity.engine.model.Ttl;
import consulting.lmx.conversation.store.ConversationFields;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonInt32;

/** The invariant of the conversations. */
public final class ConversationInvariant {

    private static final Supplier<String> RANDOM_UUID = () -> UUID.randomUUID().toString();

    private static final BsonDocument NEWEST_OF_USER = new BsonDocument(ConversationFields.USER_ID, new BsonInt32(1))
            .append(ConversationFields.UPDATED_AT, new BsonInt32(-1))
            .append(ConversationFields.ID, new BsonInt32(-1));

    private ConversationInvariant() {}

    @Produces
    @Singleton
    static Invariant conversations(RetentionConfig config) {
        return withRetention(config.retention());
    }

    /** The invariant, where the server deletes conversations {@code retention} after their last update; empty to keep them. */
    public static Invariant withRetention(Optional<Duration> retention) {
        return new Invariant(
                ConversationFields.COLLECTION,
                List.of(
                        new RequiredKey(
                                ConversationFields.SESSION_ID, ConversationFields.SESSION_ID_REPAIR, RANDOM_UUID),
                        new RequiredKey(
                                ConversationFields.CONVERSATION_ID,
                                ConversationFields.CONVERSATION_ID_REPAIR,
                                RANDOM_UUID)),
                List.of(new SecondaryIndex(
                        "userId_1_updatedAt_-1__id_-1",
                        NEWEST_OF_USER,
                        new BsonDocument(),
                        "the server sorts lists in memory")),
                Optional.of(new Companion(ConversationFields.BLOCKS, ConversationFields.BLOCK_CONVERSATION)),
                new Ttl("updatedAt_retention", ConversationFields.UPDATED_AT, retention),
                ConversationFields.CREATED_AT,
                ConversationFields.UPDATED_AT);
    }
}
