package consulting.lmx.conversation.conversation;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;

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
    @Max(200)
    int startMessages();

    /** How many messages one page holds at most, and where the caller names no number. */
    @WithDefault("100")
    @Min(1)
    @Max(100)
    int pageSize();
}
