package consulting.lmx.conversation.security;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.jwt.build.Jwt;
import jakarta.inject.Inject;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.Set;
import org.bson.Document;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.NumericDate;
import org.junit.jupiter.api.Test;

/** Which tokens are not verified again, and for how long. How keys come and go, {@link KeyRotationTest} tries. */
@QuarkusTest
class VerifiedTokensTest {

    private static final TokenHeader HEADER = new TokenHeader("HS256", Optional.empty());

    @Inject
    JwksCache keys;

    @Inject
    VerifiedTokens ofTheService;

    private final Instant now = Instant.parse("2026-01-01T00:00:00Z");

    /** Stands still until it is told to go on. */
    private static final class StandingClock extends Clock {

        private Instant now;

        StandingClock(Instant now) {
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
        JwtClaims claims = new JwtClaims();
        claims.setSubject("ann");
        claims.setExpirationTime(NumericDate.fromSeconds(end.getEpochSecond()));
        try {
            return new VerifiedToken(text, HEADER, Optional.empty(), claims, false);
        } catch (MalformedClaimException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int status(String token) {
        return given().auth().oauth2(token).get("/api/conversation").statusCode();
    }

    @Test
    void tokenIsTakenUntilTheSecondInWhichItExpires() {
        StandingClock clock = new StandingClock(now);
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
    void expiredTokenThatTheClockSkewStillLetsThroughIsNotKept() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StandingClock(now));
        tokens.keep(endingAt("ann's", now));
        assertThat(tokens.size()).isZero();
    }

    @Test
    void noMoreAreKeptThanThereIsRoomForAndThoseThatWereUsedLastStay() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StandingClock(now));
        Instant later = now.plusSeconds(60);
        for (int i = 0; i < VerifiedTokens.CAPACITY; i++) {
            tokens.keep(endingAt("token" + i, later));
        }
        assertThat(tokens.find("token0")).isPresent();
        tokens.keep(endingAt("one more", later));
        assertThat(tokens.size()).isEqualTo(VerifiedTokens.CAPACITY);
        assertThat(tokens.find("token0")).isPresent();
        assertThat(tokens.find("token1")).isEmpty();
        assertThat(tokens.find("one more")).isPresent();
    }

    @Test
    void tokenThatIsVeryLongIsVerifiedEachTime() {
        VerifiedTokens tokens = new VerifiedTokens(keys, new StandingClock(now));
        tokens.keep(endingAt("x".repeat(VerifiedTokens.LENGTH + 1), now.plusSeconds(60)));
        assertThat(tokens.size()).isZero();
    }

    @Test
    void tokenIsKeptWhenItWasVerifiedAndAnswersAsBefore() {
        String token = Tokens.of("ann");
        assertThat(ofTheService.find(token)).isEmpty();
        assertThat(status(token)).isEqualTo(200);
        assertThat(ofTheService.find(token))
                .hasValueSatisfying(kept -> assertThat(kept.getSubject()).isEqualTo("ann"));
        assertThat(status(token)).isEqualTo(200);
    }

    @Test
    void nothingIsKeptOfATokenButWhatTheServiceAsksFor() {
        String nest = "[".repeat(500) + "]".repeat(500);
        String token = Jwt.subject("ann")
                .claim("nest", Document.parse("{\"a\": " + nest + "}"))
                .groups(Set.of("a", "b", "admin"))
                .expiresIn(60)
                .signWithSecret(Tokens.SECRET);
        assertThat(token.length()).isLessThan(VerifiedTokens.LENGTH);
        assertThat(status(token)).isEqualTo(200);
        assertThat(ofTheService.find(token)).hasValueSatisfying(kept -> {
            assertThat(kept.getClaimNames()).containsExactlyInAnyOrder("sub", "exp", "groups", "raw_token");
            assertThat(kept.getGroups()).containsExactly("admin");
        });
    }

    @Test
    void refusedTokenIsNotKeptHoweverMuchItLooksLikeOneThatIs() {
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
