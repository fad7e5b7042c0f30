package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;

import java.util.ArrayList;
import java.util.List;
import org.bson.BsonDocument;

/**
 * Consecutive messages of one document.
 *
 * @param first the index of the first message in its conversation
 * @param sizes the size of each: in bytes as the server has measured it, else {@link Message#size()}
 * @param messages the messages; null if memory must be reserved before they are read
 */
record MessagePart(int first, List<Integer> sizes, List<Message> messages) {

    /** Converts the result of a {@link MessageQuery} for a document that begins with message {@code documentFirst}. */
    static MessagePart of(BsonDocument answer, int documentFirst, MessageWindow window) {
        List<Integer> sizes = new ArrayList<>();
        answer.getArray(MessageQuery.SIZES)
                .forEach(size -> sizes.add(size.asNumber().intValue()));
        List<Message> messages = null;
        if (sizes.isEmpty()) {
            messages = LenientBson.array(answer, MESSAGES).stream()
                    .map(Message::fromBson)
                    .toList();
            messages.forEach(message -> sizes.add(message.size()));
        }
        int count = answer.getNumber(MessageQuery.COUNT).intValue();
        int end = Math.min(Math.max(0, window.high() - documentFirst), count);
        int begin = window.isForward() ? Math.min(Math.max(0, window.low() - documentFirst), end) : end - sizes.size();
        return new MessagePart(documentFirst + begin, sizes, messages);
    }

    /** Short messages that begin with index {@code first}. */
    static MessagePart of(int first, List<Message> messages) {
        return new MessagePart(first, messages.stream().map(Message::size).toList(), messages);
    }

    /** The messages of a document that are in the window. */
    static MessagePart of(int documentFirst, List<Message> messages, MessageWindow window) {
        int end = Math.min(Math.max(0, window.high() - documentFirst), messages.size());
        int begin = window.isForward()
                ? Math.min(Math.max(0, window.low() - documentFirst), end)
                : Math.max(0, end - window.limit());
        return of(documentFirst + begin, messages.subList(begin, end));
    }

    /** The index after the last one. */
    int end() {
        return first + sizes.size();
    }

    boolean covers(int index) {
        return first <= index && index < end();
    }

    /** The messages from {@code from} (inclusive) to {@code to} (exclusive); both are within this part. */
    MessagePart sub(int from, int to) {
        return new MessagePart(
                from,
                sizes.subList(from - first, to - first),
                messages == null ? null : messages.subList(from - first, to - first));
    }
}
