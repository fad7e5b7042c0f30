package consulting.lmx.conversation.security;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The tokens that were verified last, so that the service does not verify the signature of a caller's next request again. A
 * token is taken from here only while it is still accepted; the service verifies all others in full, and keeps none that it
 * refused.
 */
@ApplicationScoped
public class VerifiedTokens {

    /** How many are kept; the least recently used one goes first. */
    static final int CAPACITY = 1_000;

    /** In characters: a longer one is verified each time, so that all of them together take a few megabytes at most. */
    static final int LENGTH = 2_048;

    private final JwksCache keys;
    private final Clock clock;
    private final Map<String, VerifiedToken> byText = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, VerifiedToken> eldest) {
            return size() > CAPACITY;
        }
    };

    @Inject
    VerifiedTokens(JwksCache keys) {
        this(keys, Clock.systemUTC());
    }

    VerifiedTokens(JwksCache keys, Clock clock) {
        this.keys = keys;
        this.clock = clock;
    }

    /** What the token says; empty if it has to be verified. */
    synchronized Optional<VerifiedToken> find(String text) {
        VerifiedToken token = byText.get(text);
        if (token != null && !isAccepted(token)) {
            byText.remove(text);
            return Optional.empty();
        }
        return Optional.ofNullable(token);
    }

    /** Keeps a token that was just verified. */
    synchronized void keep(VerifiedToken token) {
        if (token.getRawToken().length() <= LENGTH && isAccepted(token)) {
            byText.put(token.getRawToken(), token);
        }
    }

    /** How many are kept now. */
    synchronized int size() {
        return byText.size();
    }

    /** Whether a full check would still accept a token that was verified before; leaves out the clock skew. */
    boolean isAccepted(VerifiedToken token) {
        return token.isAccepted(keys, clock.instant());
    }
}
