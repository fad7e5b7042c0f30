package consulting.lmx.conversation.conversation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;

/**
 * One conversation as one JSON document, read and written piece by piece as its reader takes it: however long the
 * conversation, no more than a piece of it is held. It has the messages that were there when it was begun, since messages
 * are only ever appended; where they have become fewer it fails, and what was written is no whole document.
 */
final class ConversationExport {

    /** Reads messages from an index on, oldest first; the failed {@link Uni} says that the conversation is gone. */
    interface Messages {
        Uni<List<Message>> read(int from, int limit);
    }

    /** How long a piece is meant to be: the next one is of as many messages as would have made the last one so long. */
    private static final int PIECE_BYTES = 256 * 1024;

    private static final int FIRST_MESSAGES = 8;
    private static final int MOST_MESSAGES = 2_000;

    private final Conversation head;
    private final int count;
    private final Messages messages;
    private final ObjectMapper json;
    private int written;
    private int limit = FIRST_MESSAGES;

    /**
     * An export that is to be read once.
     *
     * @param head all but the messages
     * @param count how many messages it has
     */
    ConversationExport(Conversation head, int count, Messages messages, ObjectMapper json) {
        this.head = head;
        this.count = count;
        this.messages = messages;
        this.json = json;
    }

    /** The document in UTF-8; each piece is read when it is asked for. */
    Multi<Buffer> pieces() {
        return Multi.createBy().repeating().uni(this::piece).whilst(piece -> written < count);
    }

    private Uni<Buffer> piece() {
        int from = written;
        int wanted = Math.min(limit, count - from);
        Uni<List<Message>> read = wanted == 0 ? Uni.createFrom().item(List.of()) : messages.read(from, wanted);
        return read.map(page -> {
            if (page.size() < wanted) {
                throw new ServiceException(
                        ErrorCode.CONFLICT, "The conversation lost messages while it was read. Read it again.");
            }
            return piece(from, page);
        });
    }

    private Buffer piece(int from, List<Message> page) {
        Buffer piece = Buffer.buffer(from == 0 ? beginning() : ",");
        List<MessageView> views = new ArrayList<>(page.size());
        page.forEach(message -> views.add(MessageView.of(message, from + views.size())));
        byte[] array = bytes(views);
        piece.appendBytes(array, 1, array.length - 2); // without its brackets
        written = from + page.size();
        limit = (int) Math.max(1, Math.min(MOST_MESSAGES, (long) page.size() * PIECE_BYTES / array.length));
        return written < count ? piece : piece.appendString("]}");
    }

    private String beginning() {
        String fields = Buffer.buffer(bytes(ConversationSummary.of(head))).toString();
        return fields.substring(0, fields.length() - 1) + ",\"messageCount\":" + count + ",\"messages\":[";
    }

    private byte[] bytes(Object value) {
        try {
            return json.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
