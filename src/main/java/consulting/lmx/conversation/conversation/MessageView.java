package consulting.lmx.conversation.conversation;

import com.fasterxml.jackson.annotation.JsonFormat;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A message as a caller sees it.
 *
 * @param index its place in the conversation, from 0, dense
 */
public record MessageView(
        String role,
        String content,

        @JsonFormat(shape = JsonFormat.Shape.STRING, pattern = ConversationView.TIME, timezone = "UTC")
        @Schema(nullable = true)
        Instant timestamp,

        int index) {

    static MessageView of(Message message, int index) {
        return new MessageView(message.role(), message.content(), message.timestamp(), index);
    }
}
