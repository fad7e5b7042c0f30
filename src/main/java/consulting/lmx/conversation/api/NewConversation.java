package consulting.lmx.conversation.api;

import consulting.lmx.conversation.text.WellFormedText;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * The body of a request that starts a conversation. Every field is optional.
 *
 * @param messages the first messages, oldest first; at most 100
 * @param title at most 200 characters
 * @param metadata data of the caller's own, within the bounds of {@link MetadataConverter}
 */
public record NewConversation(
        @Size(max = NewConversation.MAX_MESSAGES, message = "must be at most " + NewConversation.MAX_MESSAGES)
        List<@NotNull @Valid NewMessage> messages,

        @WellFormedText(max = NewConversation.MAX_TITLE) @Schema(maxLength = NewConversation.MAX_TITLE)
        String title,

        @Schema(ref = "Metadata") Map<String, Object> metadata) {

    static final int MAX_MESSAGES = 100;

    /** The longest title, in Unicode code points. */
    static final int MAX_TITLE = 200;

    static final NewConversation EMPTY = new NewConversation(null, null, null);

    /** Drops all but one of the excess messages, so that validation need not visit the rest. */
    public NewConversation {
        messages = messages == null ? List.of() : messages.subList(0, Math.min(messages.size(), MAX_MESSAGES + 1));
    }
}
