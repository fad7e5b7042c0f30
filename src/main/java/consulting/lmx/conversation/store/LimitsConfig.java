package consulting.lmx.conversation.store;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import consulting.lmx.conversation.problem.ServiceException;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.charset.StandardCharsets;

/** Bounds on what a caller may send and gets back. */
@ConfigMapping(prefix = "conversations.limits")
public interface LimitsConfig {

    /** The longest content of one message, in bytes of UTF-8; a longer one is answered with 400. */
    @WithDefault("32K")
    @AtLeast(value = "1", or = "nothing could be said: raise it")
    @AtMost(value = "1M", or = "a conversation's newest messages would not fit into its document of 16 MiB: lower it")
    MemorySize messageSize();

    /** The longest body of a request, in bytes; a longer one is answered with 413. */
    @WithDefault("1M")
    @AtLeast(value = "100", or = "hardly a message could be sent: raise it")
    @AtMost(value = "16M", or = "a few callers could fill the memory: lower it")
    MemorySize bodySize();

    /**
     * How many of its newest messages a conversation's document holds at least; older ones are moved out of it into blocks of
     * 100.
     */
    @WithDefault("200")
    @AtLeast(value = "100", or = "a block of 100 could not be moved: raise it")
    @AtMost(value = "400", or = "each append would cost what so many messages cost: lower it")
    int inlineMessages();

    /** How many messages one page holds at most, and where the caller names no number. */
    @WithDefault("100")
    @AtLeast(value = "1", or = "no page would hold a message: raise it")
    @AtMost(value = "100", or = "one page would cost as much as the whole conversation: lower it")
    int pageSize();

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
