package consulting.lmx.conversation.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.http.CallTimeout;
import consulting.lmx.conversation.http.HeldMemory;
import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.MessageReader;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import consulting.lmx.conversation.store.StoredConversation;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import org.bson.BsonDocument;

/** Streams whole conversations as JSON documents. Each piece is read when the caller has received the piece before it. */
@ApplicationScoped
public class ExportService {

    /** The most JSON of a piece, in bytes, unless one message alone is longer. */
    private static final long PIECE_BYTES = 128 * 1024;

    private static final int MESSAGES_PER_PIECE = 1_000;

    private final Conversations conversations;
    private final MessageReader reader;
    private final ReadBarrier barrier;
    private final CallTimeout timeout;
    private final ObjectMapper json;

    ExportService(
            Conversations conversations,
            MessageReader reader,
            ReadBarrier barrier,
            CallTimeout timeout,
            ObjectMapper json) {
        this.conversations = conversations;
        this.reader = reader;
        this.barrier = barrier;
        this.timeout = timeout;
        this.json = json;
    }

    /**
     * Exports the caller's conversation with all its current messages as a JSON document in UTF-8. The {@link Uni} fails like a read
     * of the conversation. The stream of pieces fails, and leaves the document incomplete, if a later read fails.
     */
    Uni<Multi<byte[]>> export(String caller, String conversationId, HeldMemory memory) {
        return conversations
                .head(Conversations.owned(caller, conversationId), true)
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .invoke(head -> AuditLog.export(caller, conversationId, head.messageCount()))
                .chain(head -> new Export(caller, head, memory).open());
    }

    /** One export. */
    private final class Export {

        private final int count;
        private final BsonDocument same;
        private final HeldMemory memory;
        private StoredConversation head;
        private byte[] first;
        private int written;

        Export(String caller, StoredConversation head, HeldMemory memory) {
            this.head = head;
            this.memory = memory;
            this.count = head.messageCount();
            this.same = Conversations.same(caller, head.id());
        }

        /** Reads the first piece before the response begins, so that its failure has a status. */
        Uni<Multi<byte[]>> open() {
            return memory.replace(Conversations.metadataBytes(head))
                    .chain(() -> conversations.withMetadata(head))
                    .invoke(whole -> head = whole)
                    .chain(() -> piece())
                    .map(piece -> {
                        first = piece;
                        return Multi.createBy()
                                .repeating()
                                .uni(() -> next())
                                .whilst(sent -> written < count)
                                .onTermination()
                                .invoke(memory::close);
                    });
        }

        private Uni<byte[]> next() {
            if (first == null) {
                return piece();
            }
            byte[] piece = first;
            first = null; // it is not needed again, and may be large
            return Uni.createFrom().item(piece);
        }

        private Uni<byte[]> piece() {
            String beginning = written == 0 ? beginning() : ",";
            head = null;
            int wanted = Math.min(MESSAGES_PER_PIECE, count - written);
            // The caller has received the previous piece.
            return memory.replace(PIECE_BYTES + beginning.length())
                    .chain(() -> wanted == 0
                            ? Uni.createFrom().item(piece(beginning, List.of()))
                            : timeout.of(barrier.read(reader.read(
                                            same,
                                            false,
                                            MessageWindow.from(written, wanted),
                                            PIECE_BYTES,
                                            bytes -> memory.replace(bytes + beginning.length()))))
                                    .map(page -> piece(beginning, messages(page))));
        }

        private List<MessageView> messages(Page page) {
            if (page == null || page.messages().isEmpty()) {
                throw new ServiceException(
                        ErrorCode.CONFLICT, "The conversation lost messages during the export. Export it again.");
            }
            return MessageView.of(page.messages(), written);
        }

        private byte[] piece(String beginning, List<MessageView> messages) {
            Buffer piece = Buffer.buffer(beginning);
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
            String fields = Buffer.buffer(bytes(ConversationSummary.of(head))).toString();
            return fields.substring(0, fields.length() - 1) + ",\"messageCount\":" + count + ",\"messages\":[";
        }
    }
}
