package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CONTENT;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.IDEMPOTENCY_KEY;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.METADATA_BYTES;
import static consulting.lmx.conversation.store.ConversationFields.REQUEST_DIGEST;
import static consulting.lmx.conversation.store.ConversationFields.ROLE;
import static consulting.lmx.conversation.store.ConversationFields.TIMESTAMP;

import java.time.Instant;
import java.util.Objects;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.types.ObjectId;

/**
 * One message of a conversation.
 *
 * @param id unique; null if the stored value is not an ObjectId
 * @param role {@code user}, {@code assistant}, {@code system} or {@code tool}; an old stored message may have another role
 * @param content the text; null if the stored value is not a string
 * @param timestamp when the service received it, in milliseconds; null if the stored value is not a date
 * @param metadata null if the message has no metadata, or if another program stored it without its size
 * @param idempotencyKey the {@code Idempotency-Key} of the call whose last message this is; null if it had none
 * @param requestDigest the digest of that call; null if the call consists of role and content
 */
public record Message(
        ObjectId id,
        String role,
        String content,
        Instant timestamp,
        SizedMetadata metadata,
        String idempotencyKey,
        String requestDigest) {

    /**
     * The caller's metadata of a message.
     *
     * @param bytes the larger of its sizes as BSON and as JSON. It is stored too, because a server before MongoDB 4.4 cannot measure a
     *     document.
     */
    public record SizedMetadata(BsonDocument value, int bytes) {}

    private static final Message EMPTY = new Message(null, null, null, null, null, null, null);

    /** A new message with an id. */
    public Message(String role, String content, Instant timestamp, SizedMetadata metadata) {
        this(new ObjectId(), role, content, timestamp, metadata, null, null);
    }

    public Message withIdempotencyKey(String key, String digest) {
        return new Message(id, role, content, timestamp, metadata, key, digest);
    }

    public Message withMetadata(SizedMetadata changed) {
        return new Message(id, role, content, timestamp, changed, idempotencyKey, requestDigest);
    }

    /** Returns a copy with the first {@code characters} of the content. */
    Message beginning(int characters) {
        int end = content == null
                ? 0
                : content.offsetByCodePoints(0, Math.min(characters, content.codePointCount(0, content.length())));
        return new Message(id, role, content == null ? null : content.substring(0, end), timestamp, null, null, null);
    }

    /** About the characters of its JSON: a control character takes six. */
    public int size() {
        int size = MessageQuery.OBJECT_BYTES + (metadata == null ? 0 : metadata.bytes());
        if (content != null) {
            size += content.length();
            for (int i = 0; i < content.length(); i++) { // a loop, because it reads the text of every page
                size += content.charAt(i) < ' ' ? 5 : 0;
            }
        }
        return size;
    }

    /** Whether the other message, sent with the same idempotency key, is the last one of the same request. */
    boolean isOfSameRequest(Message other) {
        return Objects.equals(requestDigest, other.requestDigest)
                && Objects.equals(role, other.role)
                && Objects.equals(content, other.content);
    }

    /** The stored form. */
    public BsonDocument toBson() {
        BsonDocument document = new BsonDocument(8);
        if (role != null) {
            document.append(ROLE, new BsonString(role));
        }
        if (content != null) {
            document.append(CONTENT, new BsonString(content));
        }
        if (timestamp != null) {
            document.append(TIMESTAMP, new BsonDateTime(timestamp.toEpochMilli()));
        }
        if (metadata != null) {
            document.append(METADATA, metadata.value()).append(METADATA_BYTES, new BsonInt32(metadata.bytes()));
        }
        if (idempotencyKey != null) {
            document.append(IDEMPOTENCY_KEY, new BsonString(idempotencyKey));
        }
        if (requestDigest != null) {
            document.append(REQUEST_DIGEST, new BsonString(requestDigest));
        }
        if (id != null) {
            document.append(ID, new BsonObjectId(id));
        }
        return document;
    }

    /** Reads a stored message; all fields are null if it is not a document. */
    static Message fromBson(BsonValue stored) {
        if (!stored.isDocument()) {
            return EMPTY;
        }
        BsonDocument document = stored.asDocument();
        BsonValue id = document.get(ID);
        BsonDocument metadata = LenientBson.document(document, METADATA);
        int metadataBytes = LenientBson.integer(document, METADATA_BYTES);
        return new Message(
                id != null && id.isObjectId() ? id.asObjectId().getValue() : null,
                LenientBson.string(document, ROLE),
                LenientBson.string(document, CONTENT),
                LenientBson.instant(document, TIMESTAMP),
                metadata != null && metadataBytes > 0 ? new SizedMetadata(metadata, metadataBytes) : null,
                LenientBson.string(document, IDEMPOTENCY_KEY),
                LenientBson.string(document, REQUEST_DIGEST));
    }
}
