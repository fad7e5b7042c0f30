package consulting.lmx.conversation.store;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
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
    @AtLeast(value = "1", or = "no message could be sent: raise it")
    @AtMost(value = "1M", or = "a conversation's newest messages would not fit into its document of 16 MiB: lower it")
    MemorySize messageSize();

    /** The largest request body, in bytes. A larger body is answered with 413. */
    @WithDefault("1M")
    @AtLeast(value = "100", or = "most messages would not fit: raise it")
    @AtMost(value = "16M", or = "a few callers could exhaust the memory: lower it")
    MemorySize bodySize();

    /**
     * The number of newest messages that stay in a conversation's document. Older messages are offloaded in blocks of at most
     * 100.
     */
    @WithDefault("200")
    @AtLeast(value = "100", or = "a block of 100 could not be offloaded: raise it")
    @AtMost(value = "400", or = "each append would rewrite too many messages: lower it")
    int inlineMessages();

    /** The default number of entries in a page. */
    @WithDefault("100")
    @AtLeast(value = "1", or = "every page would be empty: raise it")
    @AtMost(value = "100", or = "one page could be as large as the whole conversation: lower it")
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
