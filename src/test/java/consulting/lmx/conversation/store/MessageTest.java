package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.types.ObjectId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Stored messages, and other values in their place. */
class MessageTest {

    private static final String WHOLE = """
            {role: 'user', content: 'hello', timestamp: {$date: 5}, metadata: {a: 1}, metadataBytes: 12,
             retryKey: 'k', retryRequest: 'd', _id: {$oid: '0123456789abcdef01234567'}}""";
    private static final Message EMPTY = new Message(null, null, null, null, null, null, null);

    private static Message message(String role, String content, String digest) {
        return new Message(new ObjectId(), role, content, Instant.now(), null, "k", digest);
    }

    @Test
    void isReadAsItIsWritten() {
        Message message = Message.fromBson(BsonDocument.parse(WHOLE));
        assertThat(message)
                .isEqualTo(new Message(
                        new ObjectId("0123456789abcdef01234567"),
                        "user",
                        "hello",
                        Instant.ofEpochMilli(5),
                        new Message.SizedMetadata(BsonDocument.parse("{a: 1}"), 12),
                        "k",
                        "d"));
        assertThat(message.toBson().toJson())
                .isEqualTo(BsonDocument.parse(WHOLE).toJson());
        assertThat(message.withIdempotencyKey("other", null).toBson().toJson())
                .isEqualTo(BsonDocument.parse(WHOLE.replace("'k'", "'other'").replace("retryRequest: 'd',", ""))
                        .toJson());
        assertThat(message.withMetadata(null).metadata()).isNull();
    }

    @Test
    void whatIsMissingIsNotWritten() {
        assertThat(EMPTY.toBson()).isEmpty();
        Message message = new Message("user", null, null, null);
        assertThat(message.toBson().keySet()).containsExactly("role", "_id");
        assertThat(message.id()).isNotEqualTo(new Message("user", null, null, null).id());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{role: 1, content: ['a'], timestamp: 'now', retryKey: {}, retryRequest: 1, metadata: 1, _id: 'x'}",
                "{role: null, content: null, metadata: null}",
                "{metadata: {a: 1}}",
                "{metadata: {a: 1}, metadataBytes: 'large'}",
                "{metadata: 'text', metadataBytes: 5}"
            })
    void whatIsOfAnotherTypeIsReadAsMissing(String stored) {
        assertThat(Message.fromBson(BsonDocument.parse(stored))).isEqualTo(EMPTY);
    }

    @Test
    void whatIsNoDocumentIsReadAsAnEmptyMessage() {
        assertThat(Message.fromBson(new BsonString("hello"))).isEqualTo(EMPTY);
        assertThat(Message.fromBson(new BsonInt32(1))).isEqualTo(EMPTY);
    }

    @Test
    void requestIsTheSameWhenItIsRepeatedLater() {
        Message first = message("user", "hello", null);
        assertThat(first.isOfSameRequest(message("user", "hello", null))).isTrue();
        assertThat(first.isOfSameRequest(message("tool", "hello", null))).isFalse();
        assertThat(first.isOfSameRequest(message("user", "hello!", null))).isFalse();
        assertThat(first.isOfSameRequest(message(null, null, null))).isFalse();
        assertThat(first.isOfSameRequest(message("user", "hello", "d"))).isFalse();
        assertThat(message("user", "hello", "d").isOfSameRequest(message("user", "hello", "d")))
                .isTrue();
        assertThat(message("user", "hello", "d").isOfSameRequest(message("user", "hello", "e")))
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource({"hello, 2, he", "hello, 9, hello", "a\uD83D\uDE00b, 2, a\uD83D\uDE00", "'', 1, ''", ", 1,"})
    void beginningEndsBetweenCharacters(String content, int characters, String beginning) {
        assertThat(new Message("user", content, null, null)
                        .beginning(characters)
                        .content())
                .isEqualTo(beginning);
    }

    @Test
    void sizeCountsMetadataAndEscapes() {
        Message plain = new Message("user", "a", null, null);
        assertThat(new Message("user", "a\n", null, new Message.SizedMetadata(new BsonDocument(), 40)).size())
                .isEqualTo(plain.size() + 6 + 40);
    }
}
