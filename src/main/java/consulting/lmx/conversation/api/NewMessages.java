package consulting.lmx.conversation.api;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.List;

/**
 * Messages to append in one call, all or none.
 *
 * @param messages oldest first; at least 1 and at most 20
 */
public record NewMessages(
        @NotNull @Size(min = 1, max = NewMessages.MAX, message = "must be at least 1 and at most " + NewMessages.MAX)
        List<@NotNull @Valid NewMessage> messages) {

    static final int MAX = 20;

    /** Drops all but one of the excess messages, so that validation need not visit the rest. */
    public NewMessages {
        messages = messages == null ? null : messages.subList(0, Math.min(messages.size(), MAX + 1));
    }
}
