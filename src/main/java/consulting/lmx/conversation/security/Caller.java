package consulting.lmx.conversation.security;

import io.quarkus.security.identity.SecurityIdentity;
import jakarta.enterprise.context.RequestScoped;
import java.time.Instant;
import java.util.Optional;
import org.eclipse.microprofile.jwt.JsonWebToken;

/** Who is calling. */
@RequestScoped
public class Caller {

    /** The end of the year 9999, in seconds: what a token says beyond it may be no date that can be reckoned with. */
    private static final long LAST = 253_402_300_799L;

    private final SecurityIdentity identity;

    Caller(SecurityIdentity identity) {
        this.identity = identity;
    }

    /** The subject of the caller's token: never blank, since {@link TokenVerifier} refuses a token without one. */
    public String id() {
        return identity.getPrincipal() instanceof JsonWebToken token
                ? token.getSubject()
                : identity.getPrincipal().getName();
    }

    /** When the caller's token ends; empty for the dev user, who has none. */
    public Optional<Instant> expiry() {
        return identity.getPrincipal() instanceof JsonWebToken token
                ? Optional.of(Instant.ofEpochSecond(Math.min(token.getExpirationTime(), LAST)))
                : Optional.empty();
    }
}
