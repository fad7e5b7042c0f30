package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.CONTENT;
import static consulting.lmx.conversation.conversation.ConversationFields.RETRY_KEY;
import static consulting.lmx.conversation.conversation.ConversationFields.ROLE;
import static consulting.lmx.conversation.conversation.ConversationFields.TIMESTAMP;

import java.time.Instant;
import java.util.Objects;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * One message of a conversation.
 *
 * @param role {@code user}, {@code assistant}, {@code system} or {@code tool}; what is stored may be older than this rule
 * @param content the text; null where what is stored is no string
 * @param timestamp when the service took it, in milliseconds; null where what is stored is no date
 * @param retryKey the {@code Idempotency-Key} that it came under; null where it came under none
 */
public record Message(String role, String content, Instant timestamp, String retryKey) {

    public Message(String role, String content, Instant timestamp) {
        this(role, content, timestamp, null);
    }

    Message under(String key) {
        return new Message(role, content, timestamp, key);
    }

    /** Whether it says the same, whenever it was taken. */
    boolean saysTheSameAs(Message other) {
        return Objects.equals(role, other.role) && Objects.equals(content, other.content);
    }

    BsonDocument toBson() {
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
        if (retryKey != null) {
            document.append(RETRY_KEY, new BsonString(retryKey));
        }
        return document;
    }

    static Message fromBson(BsonValue stored) {
        if (!stored.isDocument()) {
            return new Message(null, null, null);
        }
        BsonDocument document = stored.asDocument();
        return new Message(
                Stored.string(document, ROLE),
                Stored.string(document, CONTENT),
                Stored.instant(document, TIMESTAMP),
                Stored.string(document, RETRY_KEY));
    }
}
