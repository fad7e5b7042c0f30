package consulting.lmx.conversation.integrity;

import io.smallrye.config.ConfigMapping;
import java.time.Duration;
import java.util.Optional;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;

/** How long conversations are kept. */
@ConfigMapping(prefix = "conversations")
public interface RetentionConfig {

    /** 50 years: servers of before MongoDB 5.0 count back from today to 1970 at most. */
    int LONGEST_DAYS = 18_250;

    /**
     * How long a conversation is kept that nobody touches, in whole seconds: from 1 minute to 18250 days. Then the server
     * deletes it. Where it is not set, conversations are kept until their owner deletes them.
     */
    Optional<
                    @DurationMin(
                            minutes = 1,
                            message =
                                    "is shorter than a minute, so that conversations would be deleted under their owners'"
                                            + " hands: set it to a minute or more, or remove it to keep them")
                    @DurationMax(
                            days = LONGEST_DAYS,
                            message =
                                    "is longer than 18250 days, which not every server takes, so that nothing would be"
                                            + " deleted at all: set it to less, or remove it to keep conversations for good")
                    Duration>
            retention();
}
