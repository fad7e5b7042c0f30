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
import jakarta.inject.Inject;
import java.security.Key;
import java.time.Duration;
import java.util.Optional;
import org.jboss.logging.Logger;
import org.jose4j.jws.JsonWebSignature;

/**
 * The JWKS of {@code AUTH_JWKS_URL}. It is refreshed at the start, periodically, and at a limited rate when a token names an
 * unknown key. A refresh replaces all keys; a failed one keeps them.
 */
@ApplicationScoped
public class JwksCache {

    private static final Logger LOG = Logger.getLogger(JwksCache.class);

    /** Minimum time between two refreshes, because callers decide how many tokens with unknown keys they send. */
    private static final Duration MIN_PAUSE = Duration.ofSeconds(5);

    /** Maximum time of one refresh, from the connect to the last byte. */
    private static final Duration TIMEOUT = Duration.ofSeconds(5);

    private final Duration interval;
    private final Duration pause;
    private final boolean checksAudience;
    private final Optional<JwksClient> client;
    private final Uni<Void> refresh;
    private volatile Jwks keys = Jwks.EMPTY;
    private volatile boolean upToDate;
    private volatile boolean refreshing;
    private volatile long refreshedAt;
    private volatile Cancellable periodicRefresh = () -> {};

    @Inject
    JwksCache(AuthConfig config, ServiceConfig service) {
        this(config, service, MIN_PAUSE);
    }

    JwksCache(AuthConfig config, ServiceConfig service, Duration minPause) {
        this.interval = config.jwks().refresh();
        this.pause = min(minPause, interval.dividedBy(2));
        this.checksAudience = config.audience().isPresent();
        this.client = config.jwks().url().filter(url -> service.serve()).map(JwksClient::of);
        this.refresh = client.map(this::refresh).orElse(Uni.createFrom().voidItem());
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    /** Joins a refresh in progress, and does nothing within the pause after one. Never fails. */
    private Uni<Void> refresh(JwksClient from) {
        return from.read(TIMEOUT)
                .onSubscription()
                .invoke(() -> refreshing = true)
                .map(Jwks::parse)
                .invoke(this::replace)
                .replaceWithVoid()
                .onFailure()
                .recoverWithItem(this::keep)
                .onTermination()
                .invoke(() -> {
                    refreshedAt = System.nanoTime();
                    refreshing = false;
                })
                .memoize()
                .until(() -> !refreshing && System.nanoTime() - refreshedAt > pause.toNanos());
    }

    void onStart(@Observes StartupEvent event) {
        if (client.isEmpty()) {
            return;
        }
        if (client.get().isUnprotected()) {
            LOG.warnf(
                    "event=keys-unprotected AUTH_JWKS_URL is %s: anybody on the network path can replace the keys and forge"
                            + " tokens. Use https, or a network that protects the connection.",
                    client.get());
        }
        if (!checksAudience) {
            LOG.warn(
                    "event=audience-unchecked AUTH_AUDIENCE is not set: tokens that the identity provider issues for other"
                            + " applications are accepted. Set it to the value of aud in the tokens for this service.");
        }
        periodicRefresh = Multi.createFrom()
                .ticks()
                .every(interval)
                .onOverflow()
                .drop()
                .onItem()
                .transformToUniAndConcatenate(tick -> refresh)
                .subscribe()
                .with(done -> {}, failure -> LOG.error("event=jwks-refresh-ended: restart the process", failure));
    }

    void onStop(@Observes ShutdownEvent event) {
        periodicRefresh.cancel();
    }

    /** Whether a JWKS verifies tokens, and not a shared secret. */
    boolean areInUse() {
        return client.isPresent();
    }

    /** Whether the last refresh found this public key. */
    boolean contains(Key key) {
        return keys.publicKeys().contains(key);
    }

    /**
     * The key of a token, after a refresh if it is unknown and the rate limit permits one. Empty if the JWKS has no such key.
     * Fails with {@link ErrorCode#KEYS_UNAVAILABLE} if the key is unknown and the last refresh failed: the token may be valid.
     */
    Uni<Optional<Key>> find(JsonWebSignature token) {
        Optional<Key> known = keys.find(token);
        if (known.isPresent() || !Jwks.ALGORITHMS.contains(token.getAlgorithmHeaderValue())) {
            return Uni.createFrom().item(known);
        }
        return refresh.map(done -> {
            Optional<Key> found = keys.find(token);
            if (found.isEmpty() && !upToDate) {
                throw new ServiceException(
                        ErrorCode.KEYS_UNAVAILABLE, "The keys that verify tokens cannot be read. Try again later.");
            }
            return found;
        });
    }

    private void replace(Jwks read) {
        if (!upToDate || !read.publicKeys().equals(keys.publicKeys())) {
            LOG.logf(
                    read.keys().isEmpty() ? Logger.Level.WARN : Logger.Level.INFO,
                    "event=keys-read usable=%d ids=%s from=%s",
                    read.keys().size(),
                    read.keys().stream()
                            .map(key -> Text.quoted(String.valueOf(key.getKeyId())))
                            .toList(),
                    client.get());
        }
        keys = read;
        upToDate = true;
    }

    private Void keep(Throwable failure) {
        upToDate = false;
        LOG.warnf(
                "event=keys-unread kept=%d from=%s reason=%s: tokens with other keys are answered with 503 until a refresh"
                        + " succeeds",
                keys.keys().size(), client.get(), Text.quoted(failure.toString()));
        return null;
    }
}
