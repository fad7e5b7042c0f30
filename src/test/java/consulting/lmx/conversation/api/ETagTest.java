package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.store.Conversation;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

/** The changes that an entity tag reflects. */
class ETagTest {

    private static final Message FIRST = new Message("user", "hello", Instant.EPOCH, null);

    private static final Message.SizedMetadata METADATA = new Message.SizedMetadata(BsonDocument.parse("{a: 1}"), 10);

    private static String tag(Consumer<Conversation> change) {
        Conversation conversation = new Conversation("c", "s", "ann");
        conversation.updatedAt = Instant.EPOCH;
        conversation.messages = List.of(FIRST);
        change.accept(conversation);
        return ETag.of(new Page(StoredConversation.of(conversation), 0, conversation.messages, false))
                .getValue();
    }

    @Test
    void isTheSameForWhatItsOwnerSeesAlike() {
        assertThat(tag(c -> {})).isEqualTo(tag(c -> {})).hasSize(22);
        assertThat(tag(c -> c.createdAt = Instant.EPOCH.plusSeconds(9))).isEqualTo(tag(c -> {}));
    }

    @Test
    void differsWithEachThingThatItsOwnerSees() {
        List<String> tags = Stream.<Consumer<Conversation>>of(
                        c -> {},
                        c -> c.conversationId = "d",
                        c -> c.sessionId = "t",
                        c -> c.title = "",
                        c -> c.title = "t",
                        c -> c.metadata = new BsonDocument(),
                        c -> c.metadata = BsonDocument.parse("{a: 1}"),
                        c -> c.updatedAt = Instant.EPOCH.plusMillis(1),
                        c -> c.messages = List.of(),
                        c -> c.messages = List.of(FIRST, FIRST),
                        c -> c.messages = List.of(new Message("user", "hello!", Instant.EPOCH, null)),
                        c -> c.messages = List.of(FIRST.withMetadata(METADATA)),
                        c -> c.messages = List.of(FIRST.withMetadata(METADATA), FIRST))
                .map(ETagTest::tag)
                .toList();
        assertThat(tags).doesNotHaveDuplicates();
    }

    @Test
    void textsThatStandSideBySideAreNotTakenForOne() {
        assertThat(tag(c -> {
                    c.conversationId = "ab";
                    c.sessionId = "c";
                }))
                .isNotEqualTo(tag(c -> {
                    c.conversationId = "a";
                    c.sessionId = "bc";
                }));
    }
}
