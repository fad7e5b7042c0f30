package consulting.lmx.conversation.api;

import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.text.WellFormedText;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A message to append.
 *
 * @param role {@code user} (the default), {@code assistant}, {@code system} or {@code tool}
 * @param content not blank, at most {@code conversations.limits.message-size} bytes of UTF-8
 */
public record NewMessage(
        @Pattern(regexp = "user|assistant|system|tool", message = "must be user, assistant, system or tool")
        @Schema(
                enumeration = {"user", "assistant", "system", "tool"},
                defaultValue = "user")
        String role,

        @NotNull @WellFormedText String content) {

    Message at(Instant timestamp) {
        return new Message(role == null ? "user" : role, content, timestamp);
    }
}
