package consulting.lmx.conversation.mongo;

import consulting.lmx.conversation.security.ServiceConfig;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import jakarta.inject.Inject;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/**
 * The time of the database's primary. The round trip of a command bounds it: the server read its clock after the command was
 * sent and before the reply arrived. Between measurements the JVM's monotonic clock advances it, so that changes of the local
 * clock have no effect. It moves back only if a measurement shows that it was ahead. Before the first measurement it is the
 * local time.
 */
@ApplicationScoped
public class ServerClock implements InstantSource {

    private static final Logger LOG = Logger.getLogger(ServerClock.class);

    private static final Duration INTERVAL = Duration.ofSeconds(10);

    /** Resolution of the server time, in nanoseconds. */
    private static final long TICK = TimeUnit.MILLISECONDS.toNanos(1);

    private static final Duration MAX_DIFFERENCE = Duration.ofSeconds(5);

    private final Supplier<ReactiveMongoClient> client;
    private final boolean serves;
    private volatile Cancellable measurements = () -> {};
    private volatile boolean measured;

    /** Nanoseconds to add to {@link System#nanoTime()} for the server's time since 1970. */
    private volatile long offset;

    @Inject
    ServerClock(Instance<ReactiveMongoClient> client, ServiceConfig process) {
        this(client::get, process.serve());
    }

    ServerClock(Supplier<ReactiveMongoClient> client, boolean serves) {
        this.client = client;
        this.serves = serves;
    }

    void onStart(@Observes StartupEvent event) {
        if (serves) {
            measurements = Multi.createFrom()
                    .ticks()
                    .every(INTERVAL)
                    .onOverflow()
                    .drop()
                    .onItem()
                    .transformToUniAndConcatenate(tick -> measure().onFailure().recoverWithItem(failure -> {
                        LOG.debugf("event=clock-not-measured cause=\"%s\"", failure.getMessage());
                        return null;
                    }))
                    .subscribe()
                    .with(
                            done -> {},
                            failure -> LOG.error("event=clock-measurements-ended: restart the process", failure));
        }
    }

    void onStop(@Observes ShutdownEvent event) {
        measurements.cancel();
    }

    /** Measures the time now. Fails if the database does not reply. */
    public Uni<Void> measure() {
        return Uni.createFrom().deferred(() -> {
            long sent = System.nanoTime();
            return Hello.ask(command -> client.get().getDatabase("admin").runCommand(command, BsonDocument.class))
                    .invoke(answer -> answered(answer, sent, System.nanoTime()))
                    .replaceWithVoid();
        });
    }

    private void answered(BsonDocument hello, long sent, long received) {
        if (hello.get("localTime") instanceof BsonDateTime time) {
            answered(Instant.ofEpochMilli(time.getValue()), sent, received);
        }
    }

    /** Takes the {@code time} of a reply, with the values of the monotonic clock when the command was sent and answered. */
    synchronized void answered(Instant time, long sent, long received) {
        long server = TimeUnit.MILLISECONDS.toNanos(time.toEpochMilli());
        long lowest = server - received;
        long highest = server + TICK - sent;
        if (!measured) {
            offset = lowest + (highest - lowest) / 2;
            measured = true;
            warnIfDifferent(Duration.between(Instant.now(), instant()));
        } else if (offset - lowest < 0) {
            offset = lowest;
        } else if (highest - offset < 0) {
            offset = highest;
        }
    }

    private static void warnIfDifferent(Duration ahead) {
        if (ahead.abs().compareTo(MAX_DIFFERENCE) > 0) {
            LOG.warnf(
                    "event=clock-differs server-ahead=%s: stored times come from the server, but tokens expire by the local"
                            + " clock. Synchronize both clocks.",
                    ahead);
        }
    }

    @Override
    public Instant instant() {
        return measured ? at(System.nanoTime()) : Instant.now();
    }

    /** The server's time at a value of {@link System#nanoTime()}. */
    Instant at(long nanoTime) {
        long now = nanoTime + offset;
        long second = TimeUnit.SECONDS.toNanos(1);
        return Instant.ofEpochSecond(Math.floorDiv(now, second), Math.floorMod(now, second));
    }
}
