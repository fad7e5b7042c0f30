package consulting.lmx.conversation.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.http.CallTimeout;
import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.MessageReader;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import org.bson.BsonDocument;

/** Streams whole conversations as JSON documents. Each piece is read when the caller has received the piece before it. */
@ApplicationScoped
public class ExportService {

    /** The most text of a piece, in bytes, unless one message alone is longer. */
    private static final long PIECE_BYTES = 128 * 1024;

    private static final int MESSAGES_PER_PIECE = 1_000;

    private final MessageReader reader;
    private final ReadBarrier barrier;
    private final CallTimeout timeout;
    private final MemoryBudget budget;
    private final ObjectMapper json;

    ExportService(
            MessageReader reader, ReadBarrier barrier, CallTimeout timeout, MemoryBudget budget, ObjectMapper json) {
        this.reader = reader;
        this.barrier = barrier;
        this.timeout = timeout;
        this.budget = budget;
        this.json = json;
    }

    /**
     * Exports the caller's conversation with all its current messages as a JSON document in UTF-8. The {@link Uni} fails like a read
     * of the conversation. The stream of pieces fails, and leaves the document incomplete, if the conversation loses messages.
     */
    Uni<Multi<byte[]>> export(String caller, String conversationId) {
        return reader.read(
                        Conversations.owned(caller, conversationId),
                        true,
                        MessageWindow.newest(1),
                        PIECE_BYTES,
                        bytes -> Uni.createFrom().voidItem())
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .invoke(head -> AuditLog.export(
                        caller, conversationId, head.conversation().messageCount()))
                .map(head -> new Export(caller, head).pieces());
    }

    /** One export. */
    private final class Export {

        private final Page head;
        private final int count;
        private final BsonDocument same;
        private final HeldMemory memory;
        private int written;

        Export(String caller, Page head) {
            this.head = head;
            this.memory = new HeldMemory(budget, caller);
            this.count = head.conversation().messageCount();
            this.same = Conversations.same(caller, head.conversation().id());
        }

        Multi<byte[]> pieces() {
            return Multi.createBy()
                    .repeating()
                    .uni(() -> piece())
                    .whilst(piece -> written < count)
                    .onTermination()
                    .invoke(memory::close);
        }

        private Uni<byte[]> piece() {
            memory.release(); // the caller has received the previous piece
            return memory.reserve(PIECE_BYTES).chain(() -> {
                int wanted = Math.min(MESSAGES_PER_PIECE, count - written);
                return wanted == 0
                        ? Uni.createFrom().item(piece(List.of()))
                        : timeout.of(barrier.read(reader.read(
                                        same, false, MessageWindow.from(written, wanted), PIECE_BYTES, memory)))
                                .map(page -> piece(messages(page)));
            });
        }

        private List<MessageView> messages(Page page) {
            if (page == null || page.messages().isEmpty()) {
                throw new ServiceException(
                        ErrorCode.CONFLICT, "The conversation lost messages during the export. Export it again.");
            }
            return MessageView.of(page.messages(), written);
        }

        private byte[] piece(List<MessageView> messages) {
            Buffer piece = Buffer.buffer(written == 0 ? beginning() : ",");
            byte[] list = bytes(messages);
            piece.appendBytes(list, 1, list.length - 2); // without the brackets
            written += messages.size();
            return (written < count ? piece : piece.appendString("]}")).getBytes();
        }

        private byte[] bytes(Object value) {
            try {
                return json.writeValueAsBytes(value);
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(e);
            }
        }

        private String beginning() {
            String fields = Buffer.buffer(bytes(ConversationSummary.of(head.conversation())))
                    .toString();
            return fields.substring(0, fields.length() - 1) + ",\"messageCount\":" + count + ",\"messages\":[";
        }
    }
}
