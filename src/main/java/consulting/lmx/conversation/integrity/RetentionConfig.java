package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.config.Bounds;
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
    @Bounds(min = "1M", max = LONGEST_DAYS + "D")
    Optional<Duration> retention();
}
