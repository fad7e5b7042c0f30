package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import io.smallrye.config.ConfigMapping;
import java.time.Duration;
import java.util.Optional;

/** How long conversations are kept. */
@ConfigMapping(prefix = "conversations")
public interface RetentionConfig {

    /** 50 years: before MongoDB 5.0, servers cannot count back beyond 1970. */
    int LONGEST_DAYS = 18_250;

    /**
     * How long after its last update the server deletes a conversation, in whole seconds: from 1 minute to 18250 days. Without
     * it, conversations are kept until their owner deletes them.
     */
    @AtLeast(
            value = "1M",
            or =
                    "the server would delete conversations while users work with them: raise it, or remove it to keep them")
    @AtMost(
            value = LONGEST_DAYS + "D",
            or = "some servers reject it and would delete nothing: lower it, or remove it to keep conversations")
    Optional<Duration> retention();
}
