package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.CONTENT;
import static consulting.lmx.conversation.conversation.ConversationFields.ROLE;
import static consulting.lmx.conversation.conversation.ConversationFields.TIMESTAMP;

import java.time.Instant;
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
 */
public record Message(String role, String content, Instant timestamp) {

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
        return document;
    }

    static Message fromBson(BsonValue stored) {
        if (!stored.isDocument()) {
            return new Message(null, null, null);
        }
        BsonDocument document = stored.asDocument();
        return new Message(
                Stored.string(document, ROLE), Stored.string(document, CONTENT), Stored.instant(document, TIMESTAMP));
    }
}
