package consulting.lmx.conversation.config;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How long a request is worked on, and how many are at once. */
@ConfigMapping(prefix = "conversations.request")
public interface RequestConfig {

    /**
     * How long a call may wait for its answer, or for its stream to open, before it is answered with 503: 100 ms to an hour. A
     * stream that is open is cut where one of its reads takes longer.
     */
    @WithDefault("5S")
    @Bounds(min = "0.1S", max = "1H")
    Duration timeout();

    /**
     * How many calls are worked on at once; more are answered with 503 immediately, so that a call that is taken need not wait
     * for others. By default as many as the driver's pool has connections. With fewer, calls wait less under load if the database
     * is near. Open event streams do not count: 1 to 10000.
     */
    @WithDefault("100")
    @Bounds(min = "1", max = "10000")
    int maxConcurrent();
}
