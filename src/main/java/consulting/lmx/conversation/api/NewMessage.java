package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.CONTENT;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.text.WellFormedText;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A message to append.
 *
 * @param role {@code user} (the default), {@code assistant}, {@code system} or {@code tool}
 * @param content not blank, at most {@code conversations.limits.message-size} bytes of UTF-8
 * @param metadata data of the caller's own: a JSON object of at most 16 levels and 16 KiB of BSON
 */
public record NewMessage(
        @Pattern(regexp = "user|assistant|system|tool", message = "must be user, assistant, system or tool")
        @Schema(
                enumeration = {"user", "assistant", "system", "tool"},
                defaultValue = "user")
        String role,

        @NotNull @WellFormedText String content,

        @Schema(ref = "MessageMetadata") @JsonInclude(JsonInclude.Include.NON_NULL)
        Map<String, Object> metadata) {

    /**
     * Converts messages.
     *
     * @param path what precedes the fields of the message at a position in an error
     * @throws ServiceException that names the field that breaks a limit
     */
    static List<Message> at(
            Instant timestamp, List<NewMessage> messages, IntFunction<String> path, LimitsConfig limits) {
        return IntStream.range(0, messages.size())
                .mapToObj(i -> messages.get(i).at(timestamp, path.apply(i), limits))
                .toList();
    }

    private Message at(Instant timestamp, String path, LimitsConfig limits) {
        limits.requireFits(content, path + CONTENT);
        Message.SizedMetadata sized = MetadataConverter.measured(
                MetadataConverter.ofMessage(path + METADATA).toBson(metadata));
        return new Message(role == null ? "user" : role, content, timestamp, sized);
    }

    /** The path of the message at this position of a list. */
    static String inList(int position) {
        return MESSAGES + "[" + position + "].";
    }
}
