package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID_REPAIR;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.FIRST;
import static consulting.lmx.conversation.store.ConversationFields.GENERATION;
import static consulting.lmx.conversation.store.ConversationFields.GENERATIONS;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID_REPAIR;
import static consulting.lmx.conversation.store.ConversationFields.START_REQUEST;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/**
 * A conversation as it was read: the fields that the service knows, without its messages.
 *
 * @param document these fields as they are stored, of any type
 * @param inline how many messages the document itself holds; they are the newest
 */
public record StoredConversation(BsonDocument document, int inline) {

    /** The stored fields that are read: an allow-list, so that unknown ones cost nothing. */
    static final List<String> FIELDS = List.of(
            CONVERSATION_ID,
            SESSION_ID,
            USER_ID,
            TITLE,
            METADATA,
            CREATED_AT,
            UPDATED_AT,
            START_REQUEST,
            SESSION_ID_REPAIR,
            CONVERSATION_ID_REPAIR,
            OFFLOADED,
            GENERATIONS);

    /** The conversation as {@link Conversation#persist()} has stored it. */
    public static StoredConversation of(Conversation persisted) {
        return new StoredConversation(ConversationCodec.toBson(persisted), persisted.messages.size());
    }

    /** The document's own key. */
    public BsonValue id() {
        return document.get(ID);
    }

    public String conversationId() {
        return LenientBson.string(document, CONVERSATION_ID);
    }

    public String sessionId() {
        return LenientBson.string(document, SESSION_ID);
    }

    /** Whose it is: the subject of a token. */
    public String userId() {
        return LenientBson.string(document, USER_ID);
    }

    public String title() {
        return LenientBson.string(document, TITLE);
    }

    public Instant createdAt() {
        return LenientBson.instant(document, CREATED_AT);
    }

    public Instant updatedAt() {
        return LenientBson.instant(document, UPDATED_AT);
    }

    /** The digest of the request that started it with an {@code Idempotency-Key}; empty if there was none. */
    public Optional<String> startRequest() {
        return Optional.ofNullable(LenientBson.string(document, START_REQUEST));
    }

    /** The caller's metadata; null if there is none. */
    public BsonDocument metadata() {
        return LenientBson.document(document, METADATA);
    }

    /** What the heal recorded in {@code field}: {@code {reason, was, at, run}}; empty if it changed nothing. */
    public Optional<BsonDocument> repair(String field) {
        return Optional.ofNullable(LenientBson.document(document, field));
    }

    /** How many of the oldest messages are in blocks. */
    int offloaded() {
        return LenientBson.integer(document, OFFLOADED);
    }

    /** How many messages it has in all. */
    public int messageCount() {
        return offloaded() + inline;
    }

    /** The generation of the block that holds message {@code index}; empty for the first incarnation. */
    Optional<BsonValue> generation(int index) {
        BsonValue generation = null;
        for (BsonValue entry : LenientBson.array(document, GENERATIONS)) {
            if (LenientBson.integer(entry.asDocument(), FIRST) <= index) {
                generation = entry.asDocument().get(GENERATION);
            }
        }
        return Optional.ofNullable(generation);
    }

    /** The same conversation with other values of some fields; null removes one. */
    public StoredConversation with(String field, BsonValue value) {
        BsonDocument changed = new BsonDocument(document.size() + 1);
        changed.putAll(document);
        if (value == null) {
            changed.remove(field);
        } else {
            changed.put(field, value);
        }
        return new StoredConversation(changed, inline);
    }
}
