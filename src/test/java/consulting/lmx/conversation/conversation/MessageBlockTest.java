package consulting.lmx.conversation.conversation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.junit.jupiter.api.Test;

/** What a block of moved messages looks like. */
class MessageBlockTest {

    private static final BsonString CONVERSATION = new BsonString("c");

    @Test
    void keysOfItsMessagesStandBesideThem() {
        BsonDocument block = MessageBlock.of(
                CONVERSATION,
                100,
                List.of(
                        BsonDocument.parse("{content: 'a', retryKey: 'k'}"),
                        new BsonString("no message"),
                        BsonDocument.parse("{content: 'b'}")));
        assertThat(block.getDocument("_id")).isEqualTo(MessageBlock.id(CONVERSATION, new BsonInt32(100)));
        assertThat(block.getArray(ConversationFields.MESSAGES)).hasSize(3);
        assertThat(block.getArray(ConversationFields.BLOCK_KEYS)).containsExactly(new BsonString("k"));
    }

    @Test
    void blockWithoutKeysHasNoListOfThem() {
        BsonDocument block = MessageBlock.of(CONVERSATION, 0, List.of(BsonDocument.parse("{content: 'b'}")));
        assertThat(block).containsOnlyKeys(ConversationFields.ID, ConversationFields.MESSAGES);
    }
}
