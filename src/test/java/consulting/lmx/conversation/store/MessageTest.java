package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stored messages, and other values in their place. */
class MessageTest {

    private static final String WHOLE = "{role: 'user', content: 'hello', timestamp: {$date: 5}, retryKey: 'k'}";

    @Test
    void isReadAsItIsWritten() {
        Message message = Message.fromBson(BsonDocument.parse(WHOLE));
        assertThat(message).isEqualTo(new Message("user", "hello", Instant.ofEpochMilli(5), "k"));
        assertThat(message.toBson().toJson())
                .isEqualTo(BsonDocument.parse(WHOLE).toJson());
        assertThat(message.withIdempotencyKey("other"))
                .isEqualTo(new Message("user", "hello", Instant.ofEpochMilli(5), "other"));
    }

    @Test
    void whatIsMissingIsNotWritten() {
        assertThat(new Message(null, null, null).toBson()).isEmpty();
        assertThat(new Message("user", null, null).toBson()).isEqualTo(BsonDocument.parse("{role: 'user'}"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"{}", "{role: 1, content: ['a'], timestamp: 'now', retryKey: {}}", "{role: null, content: null}"
            })
    void whatIsOfAnotherTypeIsReadAsMissing(String stored) {
        assertThat(Message.fromBson(BsonDocument.parse(stored))).isEqualTo(new Message(null, null, null));
    }

    @Test
    void whatIsNoDocumentIsReadAsAnEmptyMessage() {
        assertThat(Message.fromBson(new BsonString("hello"))).isEqualTo(new Message(null, null, null));
        assertThat(Message.fromBson(new BsonInt32(1))).isEqualTo(new Message(null, null, null));
    }

    @Test
    void saysTheSameWheneverItWasTaken() {
        Message message = new Message("user", "hello", Instant.EPOCH);
        assertThat(message.hasSameContent(new Message("user", "hello", Instant.MAX, "k")))
                .isTrue();
        assertThat(message.hasSameContent(new Message("tool", "hello", Instant.EPOCH)))
                .isFalse();
        assertThat(message.hasSameContent(new Message("user", "hello!", Instant.EPOCH)))
                .isFalse();
        assertThat(message.hasSameContent(new Message(null, null, Instant.EPOCH)))
                .isFalse();
    }
}
