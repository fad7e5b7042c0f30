package consulting.lmx.conversation.api;

import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.text.WellFormedText;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * What a conversation may be started with; all of it is optional.
 *
 * @param messages its first messages, oldest first
 * @param title at most {@code conversations.limits.title-length} characters
 * @param metadata the caller's own, within the bounds of {@link Metadata}
 */
public record NewConversation(
        @Size(max = LimitsConfig.MOST_START_MESSAGES) List<@NotNull @Valid NewMessage> messages,

        @WellFormedText @Schema(maxLength = 200) String title,

        @Schema(ref = "Metadata") Map<String, Object> metadata) {

    static final NewConversation EMPTY = new NewConversation(null, null, null);

    /** Of messages that are too many only as many are kept as show it, since each of them would be looked at. */
    public NewConversation {
        messages = messages == null
                ? List.of()
                : messages.subList(0, Math.min(messages.size(), LimitsConfig.MOST_START_MESSAGES + 1));
    }
}
