package consulting.lmx.conversation.security;

import io.smallrye.jwt.auth.principal.DefaultJWTCallerPrincipal;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;

/**
 * What the service keeps of a token that it has verified: the subject, the expiry, whether the caller is an admin, and the key
 * that verified it. It drops all other claims, so that a token takes little more memory than its own text.
 */
final class VerifiedToken extends DefaultJWTCallerPrincipal {

    private final TokenHeader header;
    private final Optional<TrustedKey> key;

    /**
     * @param claims have a subject and an expiry
     * @param key empty if a shared secret verified the token, which stays for as long as the process runs
     */
    VerifiedToken(String text, TokenHeader header, Optional<TrustedKey> key, JwtClaims claims, boolean admin)
            throws MalformedClaimException {
        super(text, "JWT", kept(claims, admin));
        this.header = header;
        this.key = key;
    }

    private static JwtClaims kept(JwtClaims claims, boolean admin) throws MalformedClaimException {
        JwtClaims kept = new JwtClaims();
        kept.setSubject(claims.getSubject());
        kept.setExpirationTime(claims.getExpirationTime());
        kept.setStringListClaim("groups", admin ? List.of(Roles.ADMIN) : List.of());
        return kept;
    }

    /** Whether it would still be accepted: it has not expired, and its key is the one that its header names now. */
    boolean isAccepted(JwksCache keys, Instant now) {
        return now.getEpochSecond() < getExpirationTime() && key.equals(keys.find(header));
    }
}
