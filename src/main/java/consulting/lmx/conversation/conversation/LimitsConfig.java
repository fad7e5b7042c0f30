package consulting.lmx.conversation.conversation;

import consulting.lmx.conversation.error.ServiceException;
import consulting.lmx.conversation.text.Text;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.nio.charset.StandardCharsets;

/** Bounds on what a caller may send and gets back. */
@ConfigMapping(prefix = "conversations.limits")
public interface LimitsConfig {

    /** The longest content of one message, in bytes of UTF-8; a longer one is answered with 400. */
    @WithDefault("32K")
    MemorySize messageSize();

    /** The longest body of a request, in bytes; a longer one is answered with 413. */
    @WithDefault("1M")
    MemorySize bodySize();

    /** How many messages a conversation may be started with; more are answered with 400. */
    @WithDefault("100")
    @Min(1)
    @Max(NewConversation.MOST_MESSAGES)
    int startMessages();

    /**
     * How many of its newest messages a conversation's document holds at least; older ones are moved out of it into blocks of
     * 100.
     */
    @WithDefault("200")
    @Min(100)
    @Max(400)
    int inlineMessages();

    /** The longest title, in characters; a longer one is answered with 400. */
    @WithDefault("200")
    @Min(1)
    @Max(10_000)
    int titleLength();

    /** How many keys metadata may have at its top; more are answered with 400. */
    @WithDefault("16")
    @Min(1)
    @Max(1_000)
    int metadataKeys();

    /** How deep metadata may be, itself counted; deeper is answered with 400. */
    @WithDefault("4")
    @Min(1)
    @Max(50)
    int metadataDepth();

    /** The largest metadata, in bytes of BSON; larger is answered with 400. */
    @WithDefault("8K")
    MemorySize metadataSize();

    /** How many messages one page holds at most, and where the caller names no number. */
    @WithDefault("100")
    @Min(1)
    @Max(100)
    int pageSize();

    /**
     * Refuses a title that is longer than one may be; null passes.
     *
     * @throws ServiceException that names the field and the limit
     */
    default void requireTitleFits(String title) {
        if (title != null && Text.length(title) > titleLength()) {
            throw ServiceException.invalid(
                    ConversationFields.TITLE, "must be at most " + titleLength() + " characters");
        }
    }

    /**
     * Refuses content that is longer than a message may be.
     *
     * @param field where it stands in the request
     * @throws ServiceException that names the field and the limit
     */
    default void requireFits(String content, String field) {
        long limit = messageSize().asLongValue();
        if (content.length() > limit || content.getBytes(StandardCharsets.UTF_8).length > limit) {
            throw ServiceException.invalid(field, "must be at most " + limit + " bytes of UTF-8");
        }
    }
}
