package consulting.lmx.conversation.security;

import java.security.Key;
import java.security.Principal;
import java.time.Instant;
import java.util.Optional;

/**
 * What the service keeps of a verified token. It drops all other claims, so that a token takes little more memory than its text.
 *
 * @param subject not blank
 * @param key the public key that verified the token; empty if a shared secret did
 */
record VerifiedToken(String text, String subject, Instant expiry, boolean admin, Optional<Key> key)
        implements Principal {

    /** The end of the year 9999: a token may claim an expiry that is beyond the range of {@link Instant}. */
    private static final long MAX_EPOCH_SECOND = 253_402_300_799L;

    /** The time of an {@code exp} claim, at most the end of the year 9999. */
    static Instant expiry(long epochSecond) {
        return Instant.ofEpochSecond(Math.min(epochSecond, MAX_EPOCH_SECOND));
    }

    /** Whether the token has not expired and its key is still published. */
    boolean isAccepted(JwksCache keys, Instant now) {
        return now.isBefore(expiry) && key.map(keys::contains).orElse(true);
    }

    @Override
    public String getName() {
        return subject;
    }

    /** Keeps the token out of logs. */
    @Override
    public String toString() {
        return subject;
    }
}
