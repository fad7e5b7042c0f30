package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import io.smallrye.config.ConfigMapping;
import java.time.Duration;
import java.util.Optional;

/** How long conversations are kept. */
@ConfigMapping(prefix = "conversations")
public interface RetentionConfig {

    /** 50 years: servers of before MongoDB 5.0 count back from today to 1970 at most. */
    int LONGEST_DAYS = 18_250;

    /**
     * How long a conversation is kept that nobody touches, in whole seconds: from 1 minute to 18250 days. Then the server
     * deletes it. Where it is not set, conversations are kept until their owner deletes them.
     */
    @AtLeast(
            value = "1M",
            or = "conversations would be deleted under their owners' hands: raise it, or remove it to keep them")
    @AtMost(
            value = LONGEST_DAYS + "D",
            or =
                    "not every server takes it, so that nothing would be deleted at all: lower it, or remove it to keep conversations for good")
    Optional<Duration> retention();
}
