package consulting.lmx.conversation.security;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Cache of verified tokens, so that the signature is not verified again for each request of a caller. A cached token is used
 * only while it is accepted. The service verifies all other tokens in full, and caches no token that it rejected.
 */
@ApplicationScoped
public class VerifiedTokens {

    /** Maximum of cached tokens. The least recently used one is evicted first. */
    static final int MAX_TOKENS = 1_000;

    /** In characters: longer tokens are not cached, so that the cache takes a few megabytes at most. */
    static final int MAX_LENGTH = 2_048;

    private final JwksCache keys;
    private final Clock clock;
    private final Map<String, VerifiedToken> byText = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, VerifiedToken> eldest) {
            return size() > MAX_TOKENS;
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

    /** The cached token; empty if it has to be verified. */
    synchronized Optional<VerifiedToken> find(String text) {
        VerifiedToken token = byText.get(text);
        if (token != null && !isAccepted(token)) {
            byText.remove(text);
            return Optional.empty();
        }
        return Optional.ofNullable(token);
    }

    /** Caches a token that was just verified. */
    synchronized void keep(VerifiedToken token) {
        if (token.text().length() <= MAX_LENGTH && isAccepted(token)) {
            byText.put(token.text(), token);
        }
    }

    /** Number of cached tokens. */
    synchronized int size() {
        return byText.size();
    }

    /** Whether a verified token has not expired, without clock skew, and its key is still published. */
    boolean isAccepted(VerifiedToken token) {
        return token.isAccepted(keys, clock.instant());
    }
}
