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
 * The time of the database's primary. Each measurement bounds it by the round trip of one command: the server read its clock
 * after the command was sent and before its answer arrived. In between the JVM's monotonic clock goes on, so a step of this
 * machine's clock changes nothing. The time steps back only if a measurement shows that it was ahead. Until the first
 * measurement it is this machine's time.
 */
@ApplicationScoped
public class ServerClock implements InstantSource {

    private static final Logger LOG = Logger.getLogger(ServerClock.class);

    private static final Duration INTERVAL = Duration.ofSeconds(10);

    /** The unit in which a server tells its time. */
    private static final long TICK = TimeUnit.MILLISECONDS.toNanos(1);

    private static final Duration WORTH_A_WARNING = Duration.ofSeconds(5);

    private final Supplier<ReactiveMongoClient> client;
    private final boolean serves;
    private volatile Cancellable measurements = () -> {};
    private volatile boolean measured;

    /** The nanoseconds from the origin of {@link System#nanoTime()} to the server's time, which counts from 1970. */
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
                    .with(done -> {}, failure -> LOG.error("event=clock-ended: restart the process", failure));
        }
    }

    void onStop(@Observes ShutdownEvent event) {
        measurements.cancel();
    }

    /** Measures now; fails if the database does not answer. */
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

    /** The server answered its {@code time}; question and answer passed at these values of the monotonic clock. */
    synchronized void answered(Instant time, long sent, long received) {
        long server = TimeUnit.MILLISECONDS.toNanos(time.toEpochMilli());
        long lowest = server - received;
        long highest = server + TICK - sent;
        if (!measured) {
            offset = lowest + (highest - lowest) / 2;
            measured = true;
            warnIfWrong(Duration.between(Instant.now(), instant()));
        } else if (offset - lowest < 0) {
            offset = lowest;
        } else if (highest - offset < 0) {
            offset = highest;
        }
    }

    private static void warnIfWrong(Duration ahead) {
        if (ahead.abs().compareTo(WORTH_A_WARNING) > 0) {
            LOG.warnf(
                    "event=clock-differs server-ahead=%s: stored times are the server's, but tokens expire by this machine's"
                            + " clock; synchronize both",
                    ahead);
        }
    }

    @Override
    public Instant instant() {
        return measured ? at(System.nanoTime()) : Instant.now();
    }

    /** The server's time at a value of the monotonic clock. */
    Instant at(long nanoTime) {
        long now = nanoTime + offset;
        long second = TimeUnit.SECONDS.toNanos(1);
        return Instant.ofEpochSecond(Math.floorDiv(now, second), Math.floorMod(now, second));
    }
}
