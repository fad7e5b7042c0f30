package consulting.lmx.conversation.http.stream;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
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
    @AtLeast(value = "1S", or = "every listener would be written to all the time: set it to some seconds")
    @AtMost(
            value = "5M",
            or = "proxies would cut quiet connections, and listeners that are gone would stay unnoticed: lower it")
    Duration heartbeat();

    /** Maximum of event streams that one caller may have open at this process; the service answers more with 429. */
    @WithDefault("20")
    @AtLeast(value = "1", or = "nobody could listen: raise it")
    @AtMost(value = "10000", or = "one caller could take all connections: lower it")
    int maxStreamsPerCaller();

    /**
     * Maximum of event streams that may be open at this process; the service answers more with 503. Each takes 40 KiB of heap: a
     * heap of 64 MiB is enough for the default, and for no more.
     */
    @WithDefault("500")
    @AtLeast(value = "1", or = "nobody could listen: raise it")
    @AtMost(value = "100000", or = "the process would run out of memory: lower it, and start more replicas")
    int maxStreams();
}
