package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.START_REQUEST;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonObjectId;
import org.bson.BsonReader;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.BsonWriter;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.codecs.CollectibleCodec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;

/**
 * Converts between a {@link Conversation} and its stored document. Every write of an entity passes this codec: it generates a
 * missing {@code sessionId}, and rejects an entity without its other ids. A write starts from the document that was read and
 * replaces only the fields that changed, so that unknown fields keep their order and BSON type.
 */
final class ConversationCodec implements CollectibleCodec<Conversation> {

    private static final BsonDocumentCodec DOCUMENTS = new BsonDocumentCodec();

    @Override
    public Class<Conversation> getEncoderClass() {
        return Conversation.class;
    }

    @Override
    public void encode(BsonWriter writer, Conversation conversation, EncoderContext context) {
        conversation.ensureSessionId("codec");
        conversation.requireValid();
        DOCUMENTS.encode(writer, toBson(conversation), context);
    }

    @Override
    public Conversation decode(BsonReader reader, DecoderContext context) {
        return fromBson(DOCUMENTS.decode(reader, context));
    }

    static Conversation fromBson(BsonDocument stored) {
        Conversation conversation = new Conversation(
                LenientBson.string(stored, CONVERSATION_ID),
                LenientBson.string(stored, SESSION_ID),
                LenientBson.string(stored, USER_ID));
        conversation.id = stored.get(ID);
        conversation.messages = messages(stored);
        conversation.createdAt = LenientBson.instant(stored, CREATED_AT);
        conversation.updatedAt = LenientBson.instant(stored, UPDATED_AT);
        conversation.title = LenientBson.string(stored, TITLE);
        conversation.metadata = LenientBson.document(stored, METADATA);
        conversation.startRequest = LenientBson.string(stored, START_REQUEST);
        conversation.stored = stored;
        return conversation;
    }

    static BsonDocument toBson(Conversation now) {
        BsonDocument document = new BsonDocument();
        Conversation before;
        if (now.stored == null) {
            before = new Conversation(null, null, null);
            before.createdAt = null;
            before.updatedAt = null;
            before.messages = null;
        } else {
            before = fromBson(now.stored);
            document.putAll(now.stored);
        }
        put(document, ID, before.id, now.id, id -> id);
        put(document, CONVERSATION_ID, before.conversationId, now.conversationId, BsonString::new);
        put(document, SESSION_ID, before.sessionId, now.sessionId, BsonString::new);
        put(document, USER_ID, before.userId, now.userId, BsonString::new);
        put(document, MESSAGES, before.messages, now.messages, messages -> messages(messages, before));
        put(document, CREATED_AT, before.createdAt, now.createdAt, ConversationCodec::date);
        put(document, UPDATED_AT, before.updatedAt, now.updatedAt, ConversationCodec::date);
        put(document, TITLE, before.title, now.title, BsonString::new);
        put(document, METADATA, before.metadata, now.metadata, metadata -> metadata);
        put(document, START_REQUEST, before.startRequest, now.startRequest, BsonString::new);
        return document;
    }

    /** Writes a field only if the application changed it. */
    private static <T> void put(BsonDocument document, String field, T before, T now, Function<T, BsonValue> toBson) {
        if (Objects.equals(before, now)) {
            return;
        }
        if (now == null) {
            document.remove(field);
        } else {
            document.put(field, toBson.apply(now));
        }
    }

    private static BsonDateTime date(Instant instant) {
        return new BsonDateTime(instant.toEpochMilli());
    }

    private static List<Message> messages(BsonDocument stored) {
        BsonValue value = stored.get(MESSAGES);
        List<Message> messages = new ArrayList<>();
        if (value != null && value.isArray()) {
            value.asArray().forEach(message -> messages.add(Message.fromBson(message)));
        }
        return messages;
    }

    /** Returns the messages as an array, in which each unchanged message keeps its stored form. */
    private static BsonArray messages(List<Message> messages, Conversation before) {
        BsonValue stored = before.stored == null ? null : before.stored.get(MESSAGES);
        BsonArray array = new BsonArray(messages.size());
        for (int i = 0; i < messages.size(); i++) {
            boolean unchanged = before.messages != null
                    && i < before.messages.size()
                    && messages.get(i).equals(before.messages.get(i));
            array.add(unchanged ? stored.asArray().get(i) : messages.get(i).toBson());
        }
        return array;
    }

    @Override
    public Conversation generateIdIfAbsentFromDocument(Conversation conversation) {
        if (conversation.id == null) {
            conversation.id = new BsonObjectId();
        }
        return conversation;
    }

    @Override
    public boolean documentHasId(Conversation conversation) {
        return conversation.id != null;
    }

    @Override
    public BsonValue getDocumentId(Conversation conversation) {
        return conversation.id;
    }
}
