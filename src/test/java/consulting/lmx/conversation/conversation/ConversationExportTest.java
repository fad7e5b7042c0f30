package consulting.lmx.conversation.conversation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import consulting.lmx.conversation.error.ServiceException;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.AssertSubscriber;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The document of an export, over messages that come from nowhere. */
class ConversationExportTest {

    private static final int MEBIBYTE = 1 << 20;

    private final ObjectMapper json = new ObjectMapper().registerModule(new JavaTimeModule());
    private final List<Integer> reads = new ArrayList<>();

    private ConversationExport export(int count, String content) {
        Conversation head = new Conversation("c", "s", "ann");
        head.title = "t";
        return new ConversationExport(
                head,
                count,
                (from, limit) -> {
                    reads.add(limit);
                    return Uni.createFrom()
                            .item(IntStream.range(0, limit)
                                    .mapToObj(i -> new Message("user", content, Instant.EPOCH))
                                    .toList());
                },
                json);
    }

    private JsonNode document(ConversationExport export) throws IOException {
        Buffer all = Buffer.buffer();
        export.pieces().subscribe().asIterable().forEach(all::appendBuffer);
        return json.readTree(all.getBytes());
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 9, 16, 5_000})
    void allMessagesStandInItOnce(int count) throws IOException {
        JsonNode document = document(export(count, "hello"));
        assertThat(document.path("messageCount").asInt()).isEqualTo(count);
        assertThat(document.path("messages")).hasSize(count);
        for (int i = 0; i < count; i++) {
            assertThat(document.path("messages").path(i).path("index").asInt()).isEqualTo(i);
        }
        assertThat(document.path("title").asText()).isEqualTo("t");
        assertThat(reads.stream().mapToInt(n -> n).sum()).isEqualTo(count);
    }

    @Test
    void nothingIsReadBeforeItIsAskedFor() {
        AssertSubscriber<Buffer> reader =
                export(1_000, "a".repeat(32 * 1024)).pieces().subscribe().withSubscriber(AssertSubscriber.create(0));
        assertThat(reads).isEmpty();
        for (int pieces = 1; pieces <= 5; pieces++) {
            reader.request(1);
            assertThat(reads).hasSize(pieces);
            assertThat(reader.getItems()).hasSize(pieces);
        }
        reader.cancel();
        assertThat(reads).hasSize(5);
    }

    @Test
    void fortyThousandLongMessagesComeInShortPieces() {
        int count = 40_000;
        long bytes = 0;
        for (Buffer piece :
                export(count, "a".repeat(32 * 1024)).pieces().subscribe().asIterable(1, ArrayDeque::new)) {
            assertThat(piece.length()).isLessThan(MEBIBYTE);
            bytes += piece.length();
        }
        assertThat(bytes).isGreaterThan(count * 32L * 1024);
    }

    @Test
    void shortMessagesAreReadByTheThousand() {
        export(200_000, "a").pieces().subscribe().asIterable(1, ArrayDeque::new).forEach(piece -> {
            assertThat(piece.length()).isLessThan(MEBIBYTE);
        });
        assertThat(reads).hasSizeLessThan(150);
    }

    @Test
    void conversationThatLostMessagesIsNoDocument() {
        Conversation head = new Conversation("c", "s", "ann");
        ConversationExport export = new ConversationExport(
                head, 20, (from, limit) -> Uni.createFrom().item(List.of()), json);
        assertThatThrownBy(() -> document(export)).isInstanceOf(ServiceException.class);
    }
}
