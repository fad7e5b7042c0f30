package consulting.lmx.conversation.security;

import consulting.lmx.conversation.config.Bounds;
import consulting.lmx.conversation.text.Text;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** Authentication of callers. Production requires exactly one of {@link #secret()} and {@link Jwks#url()}. */
@ConfigMapping(prefix = "conversations.auth")
public interface AuthConfig {

    /** Minimum length of a secret for HS256, in bytes (RFC 7518, section 3.2). */
    int SECRET_BYTES = 32;

    /** The JVM replaces bytes of environment variables that its locale cannot decode with this character. */
    String UNREADABLE = "\uFFFD";

    /**
     * The secret that signs the callers' tokens with HS256: plain text of 32 bytes or more. Not together with a JWKS. Set it as
     * {@code AUTH_SECRET}.
     */
    Optional<String> secret();

    /**
     * The secret that {@link #secret()} replaces. Its tokens are accepted too, during a rotation. Set it as
     * {@code AUTH_SECRET_PREVIOUS}.
     */
    Optional<String> secretPrevious();

    /** The public keys of the identity provider. */
    Jwks jwks();

    /** The required {@code iss} of tokens. If it is not set, {@code iss} is not checked. Set it as {@code AUTH_ISSUER}. */
    Optional<String> issuer();

    /**
     * The value that {@code aud} of tokens has to contain. If it is not set, {@code aud} is not checked. Set it as
     * {@code AUTH_AUDIENCE}.
     */
    Optional<String> audience();

    /**
     * The claim with the caller's roles: a name, or a path such as {@code realm_access.roles}. Set it as
     * {@code AUTH_ROLES_CLAIM}.
     */
    @WithDefault("groups")
    String rolesClaim();

    /** The cookie with the token of a call without a bearer token. Set it as {@code AUTH_COOKIE}. */
    @WithDefault("auth-token")
    String cookie();

    /** The caller of requests without a token, with every role. For dev mode and tests: in production it stops the start. */
    Optional<String> devUser();

    /** A JSON Web Key Set (RFC 7517), refreshed periodically, so that keys rotate without a restart. */
    interface Jwks {

        /**
         * The location of the key set: a path, or a URL with {@code file:}, {@code http:} or {@code https:}. Set it as
         * {@code AUTH_JWKS_URL}.
         */
        Optional<String> url();

        /** Refresh interval, 1 s to a day. After a key is withdrawn, it is accepted for at most this time and 5 s. */
        @WithDefault("5M")
        @Bounds(min = "1S", max = "24H")
        Duration refresh();
    }

    /**
     * Reports settings with which tokens could not be checked, or calls without a token would be accepted.
     *
     * @param wrong takes each error: setting, consequence, remedy
     */
    default void requireForProduction(Consumer<String> wrong) {
        Optional<String> jwks = jwks().url();
        if (secret().isEmpty() && jwks.isEmpty()) {
            wrong.accept(
                    "Neither AUTH_SECRET nor AUTH_JWKS_URL is set, so no token could be checked and every call would be"
                            + " rejected: set AUTH_SECRET to the secret with which your frontend signs HS256 tokens (32 bytes or"
                            + " more), or AUTH_JWKS_URL to the JWKS of your identity provider");
        }
        if (secret().isPresent() && jwks.isPresent()) {
            wrong.accept("AUTH_SECRET and AUTH_JWKS_URL are both set, so it is not clear which tokens to accept: remove"
                    + " the one with which your tokens are not signed");
        }
        requireStrong("AUTH_SECRET", secret(), wrong);
        requireStrong("AUTH_SECRET_PREVIOUS", secretPrevious(), wrong);
        if (secretPrevious().isPresent() && secret().isEmpty()) {
            wrong.accept("AUTH_SECRET_PREVIOUS is set without AUTH_SECRET, so there is no secret that replaces it: set"
                    + " AUTH_SECRET to the new secret, or remove AUTH_SECRET_PREVIOUS");
        }
        if (Stream.of(rolesClaim().split("\\.", -1)).anyMatch(Text::isBlank)) {
            wrong.accept(
                    "AUTH_ROLES_CLAIM contains an empty name, so no caller would have a role: set it to the name of a"
                            + " claim, or to a path such as realm_access.roles");
        }
        try {
            jwks.map(JwksClient::of);
        } catch (IllegalArgumentException e) {
            wrong.accept("AUTH_JWKS_URL is not a valid location (" + e.getMessage()
                    + "), so no token could be checked: set it to a path, or to a URL with file:, http: or https:");
        }
        if (devUser().isPresent()) {
            wrong.accept("conversations.auth.dev-user is set, so every call without a token would be accepted as "
                    + devUser().get() + " with every role: remove it, because it is for dev mode and tests");
        }
    }

    private static void requireStrong(String name, Optional<String> secret, Consumer<String> wrong) {
        if (secret.isPresent() && secret.get().contains(UNREADABLE)) {
            wrong.accept(name
                    + " contains characters that this process cannot decode, so tokens could be forged without knowing"
                    + " them: set LC_ALL=C.UTF-8, or use a secret of ASCII characters");
        }
        if (secret.isPresent() && secret.get().getBytes(StandardCharsets.UTF_8).length < SECRET_BYTES) {
            wrong.accept(name
                    + " is shorter than 32 bytes, so tokens could be forged by guessing it: set a longer one here and in"
                    + " the frontend");
        }
    }
}
