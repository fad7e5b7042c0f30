package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CONTENT;
import static consulting.lmx.conversation.store.ConversationFields.IDEMPOTENCY_KEY;
import static consulting.lmx.conversation.store.ConversationFields.ROLE;
import static consulting.lmx.conversation.store.ConversationFields.TIMESTAMP;

import java.time.Instant;
import java.util.Objects;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * One message of a conversation.
 *
 * @param role {@code user}, {@code assistant}, {@code system} or {@code tool}; an old stored message may have another role
 * @param content the text; null if the stored value is not a string
 * @param timestamp when the service received it, in milliseconds; null if the stored value is not a date
 * @param idempotencyKey the {@code Idempotency-Key} that it was sent with; null if there was none
 */
public record Message(String role, String content, Instant timestamp, String idempotencyKey) {

    public Message(String role, String content, Instant timestamp) {
        this(role, content, timestamp, null);
    }

    public Message withIdempotencyKey(String key) {
        return new Message(role, content, timestamp, key);
    }

    /** About the characters of its JSON: a control character takes six. */
    public int size() {
        int size = MessageQuery.OBJECT_BYTES;
        if (content != null) {
            size += content.length();
            for (int i = 0; i < content.length(); i++) { // a loop, because it reads the text of every page
                size += content.charAt(i) < ' ' ? 5 : 0;
            }
        }
        return size;
    }

    /** Whether role and content are equal. */
    boolean hasSameContent(Message other) {
        return Objects.equals(role, other.role) && Objects.equals(content, other.content);
    }

    /** The stored form. */
    public BsonDocument toBson() {
        BsonDocument document = new BsonDocument(4);
        if (role != null) {
            document.append(ROLE, new BsonString(role));
        }
        if (content != null) {
            document.append(CONTENT, new BsonString(content));
        }
        if (timestamp != null) {
            document.append(TIMESTAMP, new BsonDateTime(timestamp.toEpochMilli()));
        }
        if (idempotencyKey != null) {
            document.append(IDEMPOTENCY_KEY, new BsonString(idempotencyKey));
        }
        return document;
    }

    /** Reads a stored message; all fields are null if it is not a document. */
    static Message fromBson(BsonValue stored) {
        if (!stored.isDocument()) {
            return new Message(null, null, null);
        }
        BsonDocument document = stored.asDocument();
        return new Message(
                LenientBson.string(document, ROLE),
                LenientBson.string(document, CONTENT),
                LenientBson.instant(document, TIMESTAMP),
                LenientBson.string(document, IDEMPOTENCY_KEY));
    }
}
