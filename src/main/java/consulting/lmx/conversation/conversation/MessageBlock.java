package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_CONVERSATION;
import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_FIRST;
import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_KEYS;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.RETRY_KEY;

import io.quarkus.mongodb.panache.common.MongoEntity;
import io.quarkus.mongodb.panache.reactive.ReactivePanacheMongoEntityBase;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import java.util.List;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonValue;
import org.bson.codecs.pojo.annotations.BsonId;

/**
 * Older messages of a conversation, moved out of its document: {@link #SIZE} in a row, written once under an {@code _id}
 * that follows from the conversation and the first message's index, and never changed.
 */
@MongoEntity(collection = ConversationFields.BLOCKS)
public class MessageBlock extends ReactivePanacheMongoEntityBase {

    /** How many messages a block holds. */
    static final int SIZE = 100;

    @BsonId
    public BsonValue id;

    static ReactiveMongoCollection<BsonDocument> documents() {
        return MessageBlock.<MessageBlock>mongoCollection().withDocumentClass(BsonDocument.class);
    }

    /** Where the block stands whose first message has the index {@code first}. */
    static BsonDocument id(BsonValue conversation, BsonValue first) {
        return new BsonDocument(BLOCK_CONVERSATION, conversation).append(BLOCK_FIRST, first);
    }

    static BsonDocument of(BsonValue conversation, int first, List<BsonValue> messages) {
        BsonArray keys = new BsonArray();
        for (BsonValue message : messages) {
            BsonValue key = message.isDocument() ? message.asDocument().get(RETRY_KEY) : null;
            if (key != null) {
                keys.add(key);
            }
        }
        BsonDocument block =
                new BsonDocument(ID, id(conversation, new BsonInt32(first))).append(MESSAGES, new BsonArray(messages));
        return keys.isEmpty() ? block : block.append(BLOCK_KEYS, keys);
    }
}
