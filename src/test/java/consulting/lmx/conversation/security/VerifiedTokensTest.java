package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.status;
import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The cache of verified tokens. {@link KeyRotationTest} covers the rotation of keys. */
@QuarkusTest
class VerifiedTokensTest {

    @Inject
    JwksCache keys;

    @Inject
    VerifiedTokens ofTheService;

    private final Instant now = Instant.parse("2026-01-01T00:00:00Z");

    /** Shows the same time until it is set. */
    private static final class StoppedClock extends Clock {

        private Instant now;

        StoppedClock(Instant now) {
            this.now = now;
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException();
        }
    }

    private static VerifiedToken endingAt(String text, Instant end) {
        return new VerifiedToken(text, "ann", end, false, Optional.empty());
    }

    @Test
    void tokenIsAcceptedUntilItExpires() {
        StoppedClock clock = new StoppedClock(now);
        VerifiedTokens tokens = new VerifiedTokens(keys, clock);
        VerifiedToken ann = endingAt("ann's", now.plusSeconds(60));
        tokens.keep(ann);
        clock.now = now.plusMillis(59_999);
        assertThat(tokens.find("ann's")).containsSame(ann);
        clock.now = now.plusSeconds(60);
        assertThat(tokens.find("ann's")).isEmpty();
        assertThat(tokens.size()).isZero();
    }

    @Test
    void tokenThatOnlyTheClockSkewStillAcceptsIsNotCached() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StoppedClock(now));
        tokens.keep(endingAt("ann's", now));
        assertThat(tokens.size()).isZero();
    }

    @Test
    void leastRecentlyUsedTokenIsEvicted() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StoppedClock(now));
        Instant later = now.plusSeconds(60);
        for (int i = 0; i < VerifiedTokens.MAX_TOKENS; i++) {
            tokens.keep(endingAt("token" + i, later));
        }
        assertThat(tokens.find("token0")).isPresent();
        tokens.keep(endingAt("one more", later));
        assertThat(tokens.size()).isEqualTo(VerifiedTokens.MAX_TOKENS);
        assertThat(tokens.find("token0")).isPresent();
        assertThat(tokens.find("token1")).isEmpty();
        assertThat(tokens.find("one more")).isPresent();
    }

    @Test
    void longTokenIsNotCached() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StoppedClock(now));
        tokens.keep(endingAt("x".repeat(VerifiedTokens.MAX_LENGTH + 1), now.plusSeconds(60)));
        assertThat(tokens.size()).isZero();
    }

    @Test
    void verifiedTokenIsCached() {
        String token = Tokens.of("ann");
        assertThat(ofTheService.find(token)).isEmpty();
        assertThat(status(token)).isEqualTo(200);
        assertThat(ofTheService.find(token))
                .hasValueSatisfying(kept -> assertThat(kept.subject()).isEqualTo("ann"));
        assertThat(status(token)).isEqualTo(200);
    }

    @Test
    void cachedTokenIsNeitherLoggedNorHoldsOtherRoles() {
        String token = Tokens.of("ann", "a", "b", "admin");
        assertThat(status(token)).isEqualTo(200);
        assertThat(ofTheService.find(token)).hasValueSatisfying(kept -> {
            assertThat(kept.admin()).isTrue();
            assertThat(kept.toString()).isEqualTo("ann");
        });
    }

    @Test
    void rejectedTokenIsNotCached() {
        String good = Tokens.of("ann");
        assertThat(status(good)).isEqualTo(200);
        String[] parts = good.split("\\.");
        String bobs = Tokens.of("bob").split("\\.")[1];
        for (String token : new String[] {
            parts[0] + "." + bobs + "." + parts[2],
            parts[0] + "." + parts[1] + ".",
            Tokens.expired("ann"),
            Tokens.withoutSubject(),
            Tokens.of(" "),
            Tokens.signedBy("another-secret-of-32-bytes-or-more-to-sign-by", "ann")
        }) {
            assertThat(status(token)).isEqualTo(401);
            assertThat(ofTheService.find(token)).isEmpty();
            assertThat(status(token)).isEqualTo(401);
        }
    }
}
