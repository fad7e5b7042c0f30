package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.junit.jupiter.api.Test;

/** The stored form of a block. */
class MessageBlocksTest {

    private static final BsonString CONVERSATION = new BsonString("c");

    @Test
    void keysOfItsMessagesStandBesideThem() {
        BsonDocument block = MessageBlocks.block(
                CONVERSATION,
                100,
                Optional.empty(),
                List.of(
                        BsonDocument.parse("{content: 'a', retryKey: 'k'}"),
                        new BsonString("no message"),
                        BsonDocument.parse("{content: 'b'}")));
        assertThat(block.getDocument("_id")).isEqualTo(BsonDocument.parse("{conversation: 'c', first: 100}"));
        assertThat(block.getArray(ConversationFields.MESSAGES)).hasSize(3);
        assertThat(block.getArray(ConversationFields.BLOCK_KEYS)).containsExactly(new BsonString("k"));
    }

    @Test
    void blockWithoutKeysHasNoListOfThem() {
        BsonDocument block =
                MessageBlocks.block(CONVERSATION, 0, Optional.empty(), List.of(BsonDocument.parse("{content: 'b'}")));
        assertThat(block).containsOnlyKeys(ConversationFields.ID, ConversationFields.MESSAGES);
    }
}
