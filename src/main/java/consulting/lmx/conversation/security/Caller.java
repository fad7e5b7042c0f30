package consulting.lmx.conversation.security;

import io.quarkus.security.identity.SecurityIdentity;
import jakarta.enterprise.context.RequestScoped;
import java.time.Instant;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** The caller of the current request. */
@RequestScoped
public class Caller {

    private final SecurityIdentity identity;
    private final VerifiedTokens verified;

    Caller(SecurityIdentity identity, VerifiedTokens verified) {
        this.identity = identity;
        this.verified = verified;
    }

    /** The subject of the caller's token. It is not blank, because {@link TokenVerifier} rejects other tokens. */
    public String id() {
        return identity.getPrincipal().getName();
    }

    /** When the caller's token expires; empty for the dev user, who has no token. */
    public Optional<Instant> expiry() {
        return token().map(VerifiedToken::expiry);
    }

    /**
     * Tells whether the caller's token is still accepted: it has not expired, and its key is still published. It may be called
     * on any thread and after the request has ended, and does not block.
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
