package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.conversation.ConversationFields;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.util.List;
import java.util.UUID;
import java.util.function.Supplier;

/** What must hold of conversations. */
final class ConversationInvariant {

    private static final Supplier<String> RANDOM_UUID = () -> UUID.randomUUID().toString();

    private ConversationInvariant() {}

    @Produces
    @Singleton
    static Invariant conversations() {
        return new Invariant(
                ConversationFields.COLLECTION,
                List.of(
                        new RequiredKey(
                                ConversationFields.SESSION_ID, ConversationFields.SESSION_ID_REPAIR, RANDOM_UUID),
                        new RequiredKey(
                                ConversationFields.CONVERSATION_ID,
                                ConversationFields.CONVERSATION_ID_REPAIR,
                                RANDOM_UUID)),
                ConversationFields.CREATED_AT,
                ConversationFields.UPDATED_AT);
    }
}
