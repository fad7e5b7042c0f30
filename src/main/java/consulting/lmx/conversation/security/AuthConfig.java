package consulting.lmx.conversation.security;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;
import org.hibernate.validator.constraints.time.DurationMax;
import org.hibernate.validator.constraints.time.DurationMin;

/** How the caller of a request is known: in production by exactly one of {@link #secret()} and {@link Jwks#url()}. */
@ConfigMapping(prefix = "conversations.auth")
public interface AuthConfig {

    /**
     * The secret that signs the callers' tokens with HS256: plain text of 32 bytes or more. Deployers set it as
     * {@code AUTH_SECRET}.
     */
    Optional<String> secret();

    /** The public keys of whoever signs the callers' tokens. */
    Jwks jwks();

    /** What {@code iss} of a token has to be; whatever it is where this is not set. Deployers set it as {@code AUTH_ISSUER}. */
    Optional<String> issuer();

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
        @DurationMin(
                seconds = 1,
                message = "must be 1S or more, or the keys would be read without a pause: set it to some minutes")
        @DurationMax(
                days = 1,
                message = "must be 24H or less, or a withdrawn key would be taken for too long: lower it")
        Duration refresh();

        /**
         * How long after a token with an unknown key made it read the next such token may do so again, 100 ms to an hour:
         * whoever sends made-up tokens decides how often they come, not how often the keys are read.
         */
        @WithDefault("5S")
        @DurationMin(
                millis = 100,
                message =
                        "must be 0.1S or more, or anybody could have the keys read without a pause: set it to some seconds")
        @DurationMax(
                hours = 1,
                message = "must be 1H or less, or callers with a new key would be refused for so long: lower it")
        Duration pause();

        /** How long one reading may take, from the connect to the last byte: 100 ms to a minute. */
        @WithDefault("5S")
        @DurationMin(
                millis = 100,
                message = "must be 0.1S or more, or no answer could come in time: set it to some seconds")
        @DurationMax(
                minutes = 1,
                message = "must be 1M or less, or callers with a new key would wait for so long: lower it")
        Duration timeout();
    }
}
