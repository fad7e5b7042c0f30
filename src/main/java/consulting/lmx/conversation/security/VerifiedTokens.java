package consulting.lmx.conversation.security;

import io.smallrye.jwt.auth.principal.JWTCallerPrincipal;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The tokens that were verified last, so that a caller's next request costs no second look at the same signature. A token is
 * taken from here until it expires, and only while the key that it was verified with is still the one that it would be
 * verified with; whatever else comes is verified in full. None gets here that was not.
 */
@ApplicationScoped
public class VerifiedTokens {

    /** How many are kept; the one that was used least lately goes first. */
    static final int CAPACITY = 1_000;

    /** In characters: a longer one is verified each time, so that all of them together take a few megabytes at most. */
    static final int LENGTH = 2_048;

    /** @param key empty where tokens are signed by the shared secret, which stays for as long as the process */
    private record Verified(JWTCallerPrincipal principal, TokenHeader header, Optional<TrustedKey> key) {}

    private final TrustedKeys keys;
    private final Clock clock;
    private final Map<String, Verified> byToken = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Verified> eldest) {
            return size() > CAPACITY;
        }
    };

    @Inject
    VerifiedTokens(TrustedKeys keys) {
        this(keys, Clock.systemUTC());
    }

    VerifiedTokens(TrustedKeys keys, Clock clock) {
        this.keys = keys;
        this.clock = clock;
    }

    /** What the token says; empty where it has to be verified. */
    synchronized Optional<JWTCallerPrincipal> find(String token) {
        Verified verified = byToken.get(token);
        if (verified == null) {
            return Optional.empty();
        }
        if (hasExpired(verified.principal()) || !verified.key().equals(keys.find(verified.header()))) {
            byToken.remove(token);
            return Optional.empty();
        }
        return Optional.of(verified.principal());
    }

    /** Keeps a token that was verified just now, with {@code key}. */
    synchronized void keep(String token, TokenHeader header, Optional<TrustedKey> key, JWTCallerPrincipal principal) {
        if (token.length() <= LENGTH && !hasExpired(principal)) {
            byToken.put(token, new Verified(principal, header, key));
        }
    }

    /** How many are kept now. */
    synchronized int size() {
        return byToken.size();
    }

    private boolean hasExpired(JWTCallerPrincipal principal) {
        return clock.instant().getEpochSecond() >= principal.getExpirationTime();
    }
}
