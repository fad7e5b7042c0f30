package consulting.lmx.conversation.security;

import io.smallrye.config.ConfigMapping;
import java.util.Optional;

/** How the caller of a request is known. */
@ConfigMapping(prefix = "conversations.auth")
public interface AuthConfig {

    /**
     * The secret that signs the callers' tokens with HS256: plain text of 32 bytes or more. Deployers set it as
     * {@code AUTH_SECRET}.
     */
    Optional<String> secret();

    /** Who a call without a token is, with every role; for dev mode and tests only: set in production it stops the start. */
    Optional<String> devUser();
}
