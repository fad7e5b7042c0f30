package consulting.lmx.conversation.conversation;

import consulting.lmx.conversation.text.WellFormedText;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * What a conversation may be started with; all of it is optional.
 *
 * @param messages its first messages, oldest first
 * @param title at most 200 characters
 * @param metadata the caller's own, within the bounds of {@link Metadata}
 */
public record NewConversation(
        List<@NotNull @Valid NewMessage> messages,

        @WellFormedText(max = ConversationPatch.TITLE_LENGTH)
        String title,

        @Schema(ref = "Metadata") Map<String, Object> metadata) {

    static final NewConversation EMPTY = new NewConversation(null, null, null);

    public NewConversation {
        messages = messages == null ? List.of() : messages;
    }
}
