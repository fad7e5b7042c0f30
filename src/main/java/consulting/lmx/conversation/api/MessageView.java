package consulting.lmx.conversation.api;

import consulting.lmx.conversation.store.Message;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A message in a response.
 *
 * @param index its index in the conversation, from 0, without gaps
 */
public record MessageView(
        String role,
        String content,
        @Schema(nullable = true) Instant timestamp,

        int index) {

    /** Converts consecutive messages that begin with index {@code first}. */
    static List<MessageView> of(List<Message> messages, int first) {
        return IntStream.range(0, messages.size())
                .mapToObj(i -> of(messages.get(i), first + i))
                .toList();
    }

    static MessageView of(Message message, int index) {
        return new MessageView(message.role(), message.content(), message.timestamp(), index);
    }
}
