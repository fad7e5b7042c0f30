package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.Message;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A message in a response.
 *
 * @param id unique; missing if another program stored the message without an ObjectId
 * @param metadata the caller's own data; missing if the message has no metadata
 * @param index its index in the conversation, from 0, without gaps
 */
public record MessageView(
        @JsonInclude(JsonInclude.Include.NON_NULL) String id,
        String role,
        String content,
        @Schema(nullable = true) Instant timestamp,

        @JsonInclude(JsonInclude.Include.NON_NULL) @JsonRawValue @Schema(implementation = Object.class)
        String metadata,

        int index) {

    /** Converts consecutive messages that begin with index {@code first}. */
    public static List<MessageView> of(List<Message> messages, int first) {
        return IntStream.range(0, messages.size())
                .mapToObj(i -> of(messages.get(i), first + i))
                .toList();
    }

    static MessageView of(Message message, int index) {
        return new MessageView(
                message.id() == null ? null : message.id().toHexString(),
                message.role(),
                message.content(),
                message.timestamp(),
                message.metadata() == null
                        ? null
                        : MetadataConverter.json(message.metadata().value()),
                index);
    }
}
