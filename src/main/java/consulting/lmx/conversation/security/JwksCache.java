package consulting.lmx.conversation.security;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.text.Text;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * The keys of {@code AUTH_JWKS_URL} as they were read last: at the start, periodically, and when a token names a key that is
 * not among them, the latter not more often than the settings allow. What was read replaces what was known; a reading that
 * failed leaves it.
 */
@ApplicationScoped
public class JwksCache {

    private static final Logger LOG = Logger.getLogger(JwksCache.class);

    private final AuthConfig.Jwks config;
    private final boolean anyAudience;
    private final Optional<KeyLocation> location;
    private final Optional<JwksClient> reader;
    private volatile Jwks known = Jwks.EMPTY;
    private volatile boolean current;
    private volatile Cancellable periodically = () -> {};
    private Uni<Void> underWay;
    private long mayAskAgain = System.nanoTime();

    JwksCache(AuthConfig config, ServiceConfig service) {
        this.config = config.jwks();
        this.anyAudience = config.audience().isEmpty();
        this.location = this.config.url().filter(url -> service.serve()).map(KeyLocation::of);
        this.reader = location.map(at -> new JwksClient(at, this.config.timeout()));
    }

    void onStart(@Observes StartupEvent event) {
        if (reader.isEmpty()) {
            return;
        }
        if (location.get().isOpenToOthers()) {
            LOG.warnf(
                    "event=keys-unprotected AUTH_JWKS_URL is %s: who can change what comes from there without encryption"
                            + " can let anybody in; use https, or a network that protects it",
                    location.get());
        }
        if (anyAudience) {
            LOG.warn(
                    "event=audience-unchecked AUTH_AUDIENCE is not set: a token that the identity provider issues for any other"
                            + " application is accepted here too, and whoever receives one can act for its user; set it to what aud"
                            + " contains in the tokens for this service");
        }
        periodically = Multi.createFrom()
                .ticks()
                .every(config.refresh())
                .onOverflow()
                .drop()
                .onItem()
                .transformToUniAndConcatenate(tick -> read())
                .subscribe()
                .with(done -> {}, failure -> LOG.error("event=keys-ended: restart the process", failure));
    }

    void onStop(@Observes ShutdownEvent event) {
        periodically.cancel();
    }

    /** Whether tokens are signed by these keys, and not by a shared secret. */
    boolean areInUse() {
        return reader.isPresent();
    }

    /** The key that the token names, where it was among those that were read last. */
    Optional<TrustedKey> find(TokenHeader token) {
        return known.find(token);
    }

    /**
     * Completes at once where the token's key is known, or none could be that of the token; else when the keys were read
     * anew, unless a token had that done just now. Fails with {@link ErrorCode#KEYS_UNAVAILABLE} where the key is not known
     * and the last reading failed, so that nobody can say whether the token is good.
     */
    Uni<Void> seek(TokenHeader token) {
        if (!TrustedKey.ALGORITHMS.contains(token.algorithm()) || find(token).isPresent()) {
            return Uni.createFrom().voidItem();
        }
        return readOnDemand().invoke(() -> {
            if (!current && find(token).isEmpty()) {
                throw new ServiceException(
                        ErrorCode.KEYS_UNAVAILABLE,
                        "The keys to check tokens with cannot be read just now. Try again a little later.");
            }
        });
    }

    private synchronized Uni<Void> readOnDemand() {
        if (underWay != null) {
            return underWay;
        }
        long now = System.nanoTime();
        if (now - mayAskAgain < 0) {
            return Uni.createFrom().voidItem();
        }
        mayAskAgain = now + config.pause().toNanos();
        return read();
    }

    /** Reads the keys, or joins the reading that is under way. Never fails. */
    private synchronized Uni<Void> read() {
        if (underWay == null) {
            Uni<Void> reading = reader.orElseThrow()
                    .read()
                    .map(Jwks::parse)
                    .invoke(this::take)
                    .replaceWithVoid()
                    .onFailure()
                    .recoverWithItem(this::keep)
                    .onTermination()
                    .invoke(this::ended)
                    .memoize()
                    .indefinitely();
            underWay = reading;
            reading.subscribe().with(done -> {}, failure -> LOG.error("event=keys-failed", failure));
            return reading;
        }
        return underWay;
    }

    private synchronized void ended() {
        underWay = null;
    }

    private void take(Jwks read) {
        if (!current || !read.equals(known)) {
            LOG.logf(
                    read.keys().isEmpty() ? Logger.Level.WARN : Logger.Level.INFO,
                    "event=keys-read usable=%d ids=%s from=%s",
                    read.keys().size(),
                    read.keys().stream()
                            .map(key -> Text.quoted(String.valueOf(key.id())))
                            .toList(),
                    location.get());
        }
        known = read;
        current = true;
    }

    private Void keep(Throwable failure) {
        current = false;
        LOG.warnf(
                "event=keys-unread kept=%d from=%s reason=%s: tokens of other keys are answered 503 until it can be read",
                known.keys().size(), location.get(), Text.quoted(failure.toString()));
        return null;
    }
}
