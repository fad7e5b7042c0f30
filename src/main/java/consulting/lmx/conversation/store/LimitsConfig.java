package consulting.lmx.conversation.store;

import consulting.lmx.conversation.config.Bounds;
import consulting.lmx.conversation.problem.ServiceException;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.charset.StandardCharsets;

/** Limits of requests and replies. */
@ConfigMapping(prefix = "conversations.limits")
public interface LimitsConfig {

    /** The largest content of a message, in bytes of UTF-8. Larger content is answered with 400. */
    @WithDefault("32K")
    @Bounds(min = "1", max = "1M")
    MemorySize messageSize();

    /** The largest request body, in bytes. A larger body is answered with 413. */
    @WithDefault("1M")
    @Bounds(min = "100", max = "4M")
    MemorySize bodySize();

    /**
     * The number of newest messages that stay in a conversation's document. Older messages are offloaded in blocks of at most
     * 100.
     */
    @WithDefault("200")
    @Bounds(min = "100", max = "400")
    int inlineMessages();

    /** The default number of entries in a page. */
    @WithDefault("100")
    @Bounds(min = "1", max = "100")
    int pageSize();

    /**
     * Checks the size of a message's content.
     *
     * @param field its path in the request
     * @throws ServiceException that names the field and the limit if the content is too large
     */
    default void requireFits(String content, String field) {
        long limit = messageSize().asLongValue();
        if (content.length() > limit || content.getBytes(StandardCharsets.UTF_8).length > limit) {
            throw ServiceException.invalid(field, "must be at most " + limit + " bytes of UTF-8");
        }
    }
}
