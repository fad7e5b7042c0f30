package consulting.lmx.conversation.security;

import io.quarkus.security.identity.SecurityIdentity;
import jakarta.enterprise.context.RequestScoped;
import java.time.Instant;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Who is calling. */
@RequestScoped
public class Caller {

    /** The end of the year 9999, in seconds: what a token says beyond it may be no date that can be reckoned with. */
    private static final long LAST = 253_402_300_799L;

    private final SecurityIdentity identity;
    private final VerifiedTokens verified;

    Caller(SecurityIdentity identity, VerifiedTokens verified) {
        this.identity = identity;
        this.verified = verified;
    }

    /** The subject of the caller's token: never blank, since {@link TokenVerifier} refuses a token without one. */
    public String id() {
        return token().map(VerifiedToken::getSubject)
                .orElseGet(() -> identity.getPrincipal().getName());
    }

    /** When the caller's token ends; empty for the dev user, who has none. */
    public Optional<Instant> expiry() {
        return token().map(token -> Instant.ofEpochSecond(Math.min(token.getExpirationTime(), LAST)));
    }

    /**
     * Tells, at any later time and on any thread, whether the caller's token would still be accepted: it has not expired, and
     * its key is not withdrawn. It reads memory alone, and may be asked after the request has ended.
     */
    public BooleanSupplier tokenCheck() {
        VerifiedTokens tokens = verified;
        return token().<BooleanSupplier>map(token -> () -> tokens.isAccepted(token))
                .orElse(() -> true);
    }

    private Optional<VerifiedToken> token() {
        return identity.getPrincipal() instanceof VerifiedToken token ? Optional.of(token) : Optional.empty();
    }
}
