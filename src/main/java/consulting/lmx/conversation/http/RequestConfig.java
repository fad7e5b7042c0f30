package consulting.lmx.conversation.http;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;

/** How long a request is worked on. */
@ConfigMapping(prefix = "conversations.request")
public interface RequestConfig {

    /** How long a call may wait for its answer, or for its stream to open, before it is answered with 503: 100 ms to an hour. */
    @WithDefault("5S")
    @DurationMin(millis = 100)
    @DurationMax(hours = 1)
    Duration timeout();
}
