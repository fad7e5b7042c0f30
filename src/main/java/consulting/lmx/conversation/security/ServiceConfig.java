package consulting.lmx.conversation.security;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What the process is for. */
@ConfigMapping(prefix = "conversations")
public interface ServiceConfig {

    /** Whether it serves; false where it runs a command, which sets this itself. */
    @WithDefault("true")
    boolean serve();
}
