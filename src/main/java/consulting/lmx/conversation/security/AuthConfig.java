package consulting.lmx.conversation.security;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import consulting.lmx.conversation.text.Text;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/** How the caller of a request is known: in production by exactly one of {@link #secret()} and {@link Jwks#url()}. */
@ConfigMapping(prefix = "conversations.auth")
public interface AuthConfig {

    /** What an HMAC of SHA-256 wants at least (RFC 7518, section 3.2). */
    int SECRET_BYTES = 32;

    /** What the JVM puts in place of each byte of a variable that its locale has no character for. */
    String UNREADABLE = "\uFFFD";

    /**
     * The secret that signs the callers' tokens with HS256: plain text of 32 bytes or more. Deployers set it as
     * {@code AUTH_SECRET}.
     */
    Optional<String> secret();

    /**
     * The secret that {@link #secret()} replaces: tokens that are signed with it are accepted too. Set it while a secret is
     * rotated. Deployers set it as {@code AUTH_SECRET_PREVIOUS}.
     */
    Optional<String> secretPrevious();

    /** The public keys of whoever signs the callers' tokens. */
    Jwks jwks();

    /** What {@code iss} of a token has to be; whatever it is where this is not set. Deployers set it as {@code AUTH_ISSUER}. */
    Optional<String> issuer();

    /**
     * What {@code aud} of a token has to be or to contain. If it is not set, {@code aud} is not checked. Deployers set it as
     * {@code AUTH_AUDIENCE}.
     */
    Optional<String> audience();

    /**
     * The claim that names the caller's roles: a name, or a path such as {@code realm_access.roles}. Deployers set it as
     * {@code AUTH_ROLES_CLAIM}.
     */
    @WithDefault("groups")
    String rolesClaim();

    /** The cookie that carries the token of a call without a bearer. Deployers set it as {@code AUTH_COOKIE}. */
    @WithDefault("auth-token")
    String cookie();

    /** Who a call without a token is, with every role; for dev mode and tests only: set in production it stops the start. */
    Optional<String> devUser();

    /** A JSON Web Key Set (RFC 7517), read again and again, so that keys come and go without a restart. */
    interface Jwks {

        /**
         * Where it is: a path, or an address of {@code file:}, {@code http:} or {@code https:}. Deployers set it as
         * {@code AUTH_JWKS_URL}.
         */
        Optional<String> url();

        /** How often it is read, and so how long a key that was withdrawn is taken at most: 1 s to a day. */
        @WithDefault("5M")
        @AtLeast(value = "1S", or = "the keys would be read without a pause: set it to some minutes")
        @AtMost(value = "24H", or = "a withdrawn key would be taken for too long: lower it")
        Duration refresh();
    }

    /**
     * Says why callers' tokens could not be checked, or would be let in without one.
     *
     * @param wrong takes each thing that is wrong: setting, consequence, remedy
     */
    default void requireForProduction(Consumer<String> wrong) {
        Optional<String> jwks = jwks().url();
        if (secret().isEmpty() && jwks.isEmpty()) {
            wrong.accept(
                    "AUTH_SECRET is not set, and AUTH_JWKS_URL neither, so no caller's token could be checked and every"
                            + " call would be refused: set AUTH_SECRET to the secret that your frontend signs its HS256 tokens"
                            + " with, 32 bytes or more, or AUTH_JWKS_URL to where the public keys of your identity provider are");
        }
        if (secret().isPresent() && jwks.isPresent()) {
            wrong.accept("AUTH_SECRET and AUTH_JWKS_URL are both set, so it is not clear whose tokens are to be let in:"
                    + " remove the one that your tokens are not signed with");
        }
        requireStrong("AUTH_SECRET", secret(), wrong);
        requireStrong("AUTH_SECRET_PREVIOUS", secretPrevious(), wrong);
        if (secretPrevious().isPresent() && secret().isEmpty()) {
            wrong.accept("AUTH_SECRET_PREVIOUS is set without AUTH_SECRET, so there is no secret that replaces it: set"
                    + " AUTH_SECRET to the new secret, or remove AUTH_SECRET_PREVIOUS");
        }
        if (Stream.of(rolesClaim().split("\\.", -1)).anyMatch(Text::isBlank)) {
            wrong.accept(
                    "AUTH_ROLES_CLAIM has an empty name in it, so that no caller would have a role: set it to a claim's"
                            + " name, or to a path such as realm_access.roles");
        }
        try {
            jwks.map(KeyLocation::of);
        } catch (IllegalArgumentException e) {
            wrong.accept("AUTH_JWKS_URL is no place that keys can be read from (" + e.getMessage()
                    + "), so no caller's token could be checked: set it to a path, or to an address of file:, http: or"
                    + " https:");
        }
        if (devUser().isPresent()) {
            wrong.accept("conversations.auth.dev-user is set, so every call without a token would be let in as "
                    + devUser().get() + " with every role: remove it, it is for dev mode and tests");
        }
    }

    private static void requireStrong(String name, Optional<String> secret, Consumer<String> wrong) {
        if (secret.isPresent() && secret.get().contains(UNREADABLE)) {
            wrong.accept(name
                    + " has characters that this process cannot read, so that tokens could be signed without knowing"
                    + " them: set LC_ALL=C.UTF-8, or choose a secret of ASCII characters");
        }
        if (secret.isPresent() && secret.get().getBytes(StandardCharsets.UTF_8).length < SECRET_BYTES) {
            wrong.accept(name + " is shorter than 32 bytes, so tokens signed with it could be forged by guessing it:"
                    + " set a longer one here and in the frontend");
        }
    }
}
