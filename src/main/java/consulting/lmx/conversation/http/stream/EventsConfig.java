package consulting.lmx.conversation.http.stream;

import consulting.lmx.conversation.config.Bounds;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Server-sent events. */
@ConfigMapping(prefix = "conversations.events")
public interface EventsConfig {

    /**
     * Interval of heartbeats, 1 s to 5 minutes. Proxies keep the connection because of them, and a listener that does not read
     * one is disconnected. The service also looks for changes that the change stream missed at this interval.
     */
    @WithDefault("15S")
    @Bounds(min = "1S", max = "5M")
    Duration heartbeat();

    /** Maximum of event streams that one caller may have open at this process; the service rejects more with 429. */
    @WithDefault("20")
    @Bounds(min = "1", max = "10000")
    int maxStreamsPerCaller();

    /**
     * Maximum of event streams that may be open at this process; the service rejects more with 503. Each takes 40 KiB of heap:
     * the heap of the image is enough for the default, and for no more.
     */
    @WithDefault("500")
    @Bounds(min = "1", max = "100000")
    int maxStreams();
}
