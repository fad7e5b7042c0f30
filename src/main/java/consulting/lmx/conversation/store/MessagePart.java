package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;

import java.util.ArrayList;
import java.util.List;
import org.bson.BsonDocument;

/**
 * Some messages in a row, as one document holds them.
 *
 * @param first the index of the first one in its conversation
 * @param sizes the size of each in bytes
 * @param messages the messages; null if they are too large to be read without a reservation of memory
 */
record MessagePart(int first, List<Integer> sizes, List<Message> messages) {

    /** The answer of a {@link MessageQuery} to a document whose first message has the index {@code documentFirst}. */
    static MessagePart of(BsonDocument answer, int documentFirst, MessageWindow window) {
        List<Integer> sizes = new ArrayList<>();
        answer.getArray(MessageQuery.SIZES)
                .forEach(size -> sizes.add(size.asNumber().intValue()));
        List<Message> messages = null;
        if (sizes.isEmpty()) {
            messages = LenientBson.array(answer, MESSAGES).stream()
                    .map(Message::fromBson)
                    .toList();
            messages.forEach(message -> sizes.add(size(message)));
        }
        int count = answer.getNumber(MessageQuery.COUNT).intValue();
        int end = Math.min(Math.max(0, window.high() - documentFirst), count);
        int begin = window.isForward() ? Math.min(Math.max(0, window.low() - documentFirst), end) : end - sizes.size();
        return new MessagePart(documentFirst + begin, sizes, messages);
    }

    /** Short messages, of which the first has the index {@code first}. */
    static MessagePart of(int first, List<Message> messages) {
        return new MessagePart(first, messages.stream().map(MessagePart::size).toList(), messages);
    }

    /** Those of a document's messages that are in the window. */
    static MessagePart of(int documentFirst, List<Message> messages, MessageWindow window) {
        int end = Math.min(Math.max(0, window.high() - documentFirst), messages.size());
        int begin = window.isForward()
                ? Math.min(Math.max(0, window.low() - documentFirst), end)
                : Math.max(0, end - window.limit());
        return of(documentFirst + begin, messages.subList(begin, end));
    }

    /** In characters, since the messages are short in all. */
    private static int size(Message message) {
        return message.content() == null ? 0 : message.content().length();
    }

    /** The index after the last one. */
    int end() {
        return first + sizes.size();
    }

    boolean covers(int index) {
        return first <= index && index < end();
    }

    /** Those with an index from {@code from} to before {@code to}; both bounds are within this part. */
    MessagePart sub(int from, int to) {
        return new MessagePart(
                from,
                sizes.subList(from - first, to - first),
                messages == null ? null : messages.subList(from - first, to - first));
    }
}
