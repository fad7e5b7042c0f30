package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.model.Companion;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.ListIndex;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
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

/** What must hold of conversations. */
public final class ConversationInvariant {

    private static final Supplier<String> RANDOM_UUID = () -> UUID.randomUUID().toString();

    private static final BsonDocument NEWEST_OF_A_USER = new BsonDocument(ConversationFields.USER_ID, new BsonInt32(1))
            .append(ConversationFields.UPDATED_AT, new BsonInt32(-1))
            .append(ConversationFields.ID, new BsonInt32(-1));

    private ConversationInvariant() {}

    @Produces
    @Singleton
    static Invariant conversations(RetentionConfig config) {
        return keptFor(config.retention());
    }

    /** Conversations that are deleted when nobody touched them for {@code retention}; empty for never. */
    public static Invariant keptFor(Optional<Duration> retention) {
        return new Invariant(
                ConversationFields.COLLECTION,
                List.of(
                        new RequiredKey(
                                ConversationFields.SESSION_ID, ConversationFields.SESSION_ID_REPAIR, RANDOM_UUID),
                        new RequiredKey(
                                ConversationFields.CONVERSATION_ID,
                                ConversationFields.CONVERSATION_ID_REPAIR,
                                RANDOM_UUID)),
                List.of(new ListIndex("userId_1_updatedAt_-1__id_-1", NEWEST_OF_A_USER)),
                Optional.of(new Companion(ConversationFields.BLOCKS, ConversationFields.BLOCK_CONVERSATION)),
                new Ttl("updatedAt_retention", ConversationFields.UPDATED_AT, retention),
                ConversationFields.CREATED_AT,
                ConversationFields.UPDATED_AT);
    }
}
