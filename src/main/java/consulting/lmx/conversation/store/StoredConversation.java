package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.ARCHIVED;
import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID_REPAIR;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.FIRST;
import static consulting.lmx.conversation.store.ConversationFields.FROM;
import static consulting.lmx.conversation.store.ConversationFields.GENERATION;
import static consulting.lmx.conversation.store.ConversationFields.GENERATIONS;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.REVISION;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID_REPAIR;
import static consulting.lmx.conversation.store.ConversationFields.START_REQUEST;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.TRUNCATIONS;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;

import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/**
 * The known fields of a conversation as they were read, without its messages.
 *
 * @param document the fields as they are stored; each may have any type
 * @param inline the number of messages in the document itself, which are the newest
 */
public record StoredConversation(BsonDocument document, int inline) {

    /** The stored fields that are read: an allow-list, so that unknown fields are not loaded. */
    static final List<String> FIELDS = List.of(
            CONVERSATION_ID,
            SESSION_ID,
            USER_ID,
            TITLE,
            METADATA,
            ARCHIVED,
            CREATED_AT,
            UPDATED_AT,
            START_REQUEST,
            SESSION_ID_REPAIR,
            CONVERSATION_ID_REPAIR,
            OFFLOADED,
            GENERATIONS,
            REVISION);

    /** The number of the last truncations that are stored. */
    static final int TRUNCATIONS_KEPT = 16;

    /** Returns the conversation as {@link Conversation#persist()} stored it. */
    public static StoredConversation of(Conversation persisted) {
        return new StoredConversation(ConversationCodec.toBson(persisted), persisted.messages.size());
    }

    /** The document's {@code _id}. */
    public BsonValue id() {
        return document.get(ID);
    }

    public String conversationId() {
        return LenientBson.string(document, CONVERSATION_ID);
    }

    public String sessionId() {
        return LenientBson.string(document, SESSION_ID);
    }

    /** The owner: the subject of a token. */
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

    /** The digest of the start request; empty if it had no {@code Idempotency-Key}. */
    public Optional<String> startRequest() {
        return Optional.ofNullable(LenientBson.string(document, START_REQUEST));
    }

    /** The caller's metadata, or null. */
    public BsonDocument metadata() {
        return LenientBson.document(document, METADATA);
    }

    /** Whether the owner archived it. */
    public boolean archived() {
        return BsonBoolean.TRUE.equals(document.get(ARCHIVED));
    }

    /**
     * The newest message of the document, with the beginning of its content. Empty if the document has no messages, or if it was not
     * read by {@link Conversations#list}.
     */
    public Optional<Message> lastMessage() {
        return LenientBson.array(document, Conversations.LAST_MESSAGE).stream()
                .findFirst()
                .map(Message::fromBson);
    }

    /** Whether {@link Conversations#list} found no message in the document, though blocks have some. */
    public boolean isOffloadedWhole() {
        return offloaded() > 0
                && document.containsKey(Conversations.LAST_MESSAGE)
                && lastMessage().isEmpty();
    }

    /** Returns a copy with this newest message. */
    public StoredConversation withLastMessage(Message last) {
        return with(
                Conversations.LAST_MESSAGE,
                new BsonArray(List.of(
                        last.beginning(Conversations.LAST_MESSAGE_CHARACTERS).toBson())));
    }

    /** The heal's record in {@code field}: {@code {reason, was, at, run}}; empty if there is none. */
    public Optional<BsonDocument> repair(String field) {
        return Optional.ofNullable(LenientBson.document(document, field));
    }

    /** The number of messages in blocks, which are the oldest. */
    public int offloaded() {
        return LenientBson.integer(document, OFFLOADED);
    }

    /** How many times messages were truncated or changed. */
    int revision() {
        return LenientBson.integer(document, REVISION);
    }

    /** The {@link ConversationFields#REVISION} of the last truncation; 0 if there was none. */
    public int lastTruncation() {
        List<BsonDocument> all = truncations();
        return all.isEmpty() ? 0 : LenientBson.integer(all.get(all.size() - 1), REVISION);
    }

    /**
     * Returns the index of the first message that truncations after this revision removed; empty if there were none. The index is 0 if
     * there were more than are stored.
     */
    public Optional<Integer> truncatedSince(int revision) {
        List<BsonDocument> later = truncations().stream()
                .filter(truncation -> LenientBson.integer(truncation, REVISION) > revision)
                .toList();
        return later.size() == TRUNCATIONS_KEPT
                ? Optional.of(0)
                : later.stream()
                        .map(truncation -> LenientBson.integer(truncation, FROM))
                        .min(Comparator.naturalOrder());
    }

    private List<BsonDocument> truncations() {
        return LenientBson.array(document, TRUNCATIONS).stream()
                .filter(BsonValue::isDocument)
                .map(BsonValue::asDocument)
                .toList();
    }

    /** The number of all messages. */
    public int messageCount() {
        return offloaded() + inline;
    }

    /** The generations of all blocks. */
    List<BsonValue> generations() {
        return LenientBson.array(document, GENERATIONS).stream()
                .map(entry -> entry.asDocument().get(GENERATION))
                .toList();
    }

    /** The generation of the block that holds message {@code index}; empty if it has none. */
    Optional<BsonValue> generation(int index) {
        BsonValue generation = null;
        for (BsonValue entry : LenientBson.array(document, GENERATIONS)) {
            if (LenientBson.integer(entry.asDocument(), FIRST) <= index) {
                generation = entry.asDocument().get(GENERATION);
            }
        }
        return Optional.ofNullable(generation);
    }

    /** Returns a copy with another value of {@code field}; null removes it. */
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
