package consulting.lmx.conversation.testsupport;

import io.smallrye.jwt.build.Jwt;
import java.time.Instant;
import java.util.Set;

/** Signs tokens as the frontend does. */
public final class Tokens {

    public static final String SECRET = "a-secret-for-the-tests-of-32-bytes-or-more";

    private Tokens() {}

    public static String of(String subject, String... groups) {
        return Jwt.subject(subject).groups(Set.of(groups)).expiresIn(600).signWithSecret(SECRET);
    }

    public static String endingIn(String subject, int seconds) {
        return Jwt.subject(subject).expiresIn(seconds).signWithSecret(SECRET);
    }

    public static String expired(String subject) {
        return Jwt.subject(subject).expiresAt(Instant.now().minusSeconds(3600)).signWithSecret(SECRET);
    }

    public static String signedBy(String secret, String subject) {
        return Jwt.subject(subject).expiresIn(600).signWithSecret(secret);
    }

    public static String withoutSubject() {
        return Jwt.claim("name", "nobody").expiresIn(600).signWithSecret(SECRET);
    }
}
