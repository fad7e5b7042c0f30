package consulting.lmx.conversation.http;

import consulting.lmx.conversation.settings.AtLeast;
import consulting.lmx.conversation.settings.AtMost;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** How long a request is worked on. */
@ConfigMapping(prefix = "conversations.request")
public interface RequestConfig {

    /** How long a call may wait for its answer, or for its stream to open, before it is answered with 503: 100 ms to an hour. */
    @WithDefault("5S")
    @AtLeast(value = "0.1S", or = "no answer could come in time: set it to some seconds")
    @AtMost(value = "1H", or = "callers would wait for so long for a database that is gone: lower it")
    Duration timeout();
}
