package consulting.lmx.conversation.events;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;

/** How server-sent events are sent. */
@ConfigMapping(prefix = "conversations.events")
public interface EventsConfig {

    /**
     * How often a comment is sent, so that proxies keep the connection; a listener that does not take one is dropped:
     * 1 s to 5 minutes.
     */
    @WithDefault("15S")
    @DurationMin(seconds = 1)
    @DurationMax(minutes = 5)
    Duration heartbeat();

    /** How often changes are looked for where the server has no change streams: 100 ms to a minute. */
    @WithDefault("1S")
    @DurationMin(millis = 100)
    @DurationMax(minutes = 1)
    Duration poll();

    /** How many event streams one caller may have open at this process; one more is answered with 429. */
    @WithDefault("20")
    @Min(1)
    @Max(10_000)
    int listeners();
}
