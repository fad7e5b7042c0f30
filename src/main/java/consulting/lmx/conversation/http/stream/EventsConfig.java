package consulting.lmx.conversation.http.stream;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How server-sent events are sent. */
@ConfigMapping(prefix = "conversations.events")
public interface EventsConfig {

    /**
     * How often a comment is sent, so that proxies keep the connection; a listener that does not take one is dropped. As often
     * it is looked for changes that the server's change stream has not told: 1 s to 5 minutes.
     */
    @WithDefault("15S")
    @AtLeast(value = "1S", or = "every listener would be written to all the time: set it to some seconds")
    @AtMost(
            value = "5M",
            or = "proxies would cut quiet connections, and nobody would notice listeners that are gone: lower it")
    Duration heartbeat();

    /** How often changes are looked for where the server has no change streams: 100 ms to a minute. */
    @WithDefault("1S")
    @AtLeast(value = "0.1S", or = "the database would be asked without a pause: set it to about a second")
    @AtMost(value = "1M", or = "listeners would wait for so long: lower it")
    Duration poll();

    /** How many event streams one caller may have open at this process; one more is answered with 429. */
    @WithDefault("20")
    @AtLeast(value = "1", or = "nobody could listen: raise it")
    @AtMost(value = "10000", or = "one caller could take all connections: lower it")
    int listeners();

    /**
     * How many event streams may be open at this process; one more is answered with 503. Each wants 40 KiB of heap: a heap of 64
     * MiB bears the default, and no more.
     */
    @WithDefault("500")
    @AtLeast(value = "1", or = "nobody could listen: raise it")
    @AtMost(value = "100000", or = "the process would run out of memory: lower it, and start more replicas")
    int streams();
}
