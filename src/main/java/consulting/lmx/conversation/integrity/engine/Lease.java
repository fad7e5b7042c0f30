package consulting.lmx.conversation.integrity.engine;

import com.mongodb.client.model.Collation;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.client.model.Updates;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Hello;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.Optional;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Lets one healer work at a time, among all processes. The holder renews the lease while it works. If the holder dies, the
 * lease expires after some seconds, by the server's clock. The lease only saves work: each repair is guarded by itself.
 */
public final class Lease {

    private static final Logger LOG = Logger.getLogger(Lease.class);

    static final String COLLECTION = "integrity_lease";

    /** The name of this process, which the stored lease shows to operators: its host and its process id. */
    private static final String HOST =
            hostName() + "/" + ProcessHandle.current().pid();

    /** The lease expires this long after its last renewal. */
    static final Duration TIME_TO_LIVE = Duration.ofSeconds(5);

    private static final Collation SIMPLE = Collations.SIMPLE;
    private static final UpdateOptions UPDATE = new UpdateOptions().collation(SIMPLE);

    private static final Duration RENEWAL_INTERVAL = Duration.ofSeconds(1);
    private static final Duration POLL_INTERVAL = Duration.ofMillis(300);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> leases;
    private final String name;
    private final RunProgress progress;

    /** @param progress the run that takes the lease or waits for it */
    Lease(MongoDatabase database, String name, RunProgress progress) {
        this.database = database;
        this.leases = database.getCollection(COLLECTION, BsonDocument.class);
        this.name = name;
        this.progress = progress;
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown"; // a container without a name
        }
    }

    /** Takes the lease, and returns whether it was free. */
    Uni<Boolean> acquire() {
        return serverTime()
                .chain(now -> Publishers.one(leases.findOneAndUpdate(
                        Filters.and(Filters.eq("_id", name), Filters.nor(isHeldAt(now))),
                        Updates.combine(
                                Updates.set("holder", progress.run()),
                                Updates.set("host", HOST),
                                Updates.set("progress", progress.summary()),
                                Updates.currentDate("renewedAt")),
                        new FindOneAndUpdateOptions().upsert(true).collation(SIMPLE))))
                .invoke(() -> LOG.infof("event=lease-taken run=%s", progress.run()))
                .map(previous -> true)
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithItem(false);
    }

    /** A renewal far in the future does not count: the server's clock was set back since. */
    private static Bson isHeldAt(Instant now) {
        return Filters.and(
                Filters.type("holder", BsonType.STRING),
                Filters.gte("renewedAt", Date.from(now.minus(TIME_TO_LIVE))),
                Filters.lte("renewedAt", Date.from(now.plus(TIME_TO_LIVE))));
    }

    /**
     * Does the work while renewing the lease, and releases the lease when the work ends in any way. Fails with an {@link
     * IntegrityException} if another healer took over.
     */
    <T> Uni<T> holdWhile(Supplier<Uni<T>> work) {
        Uni<T> renewals = Multi.createFrom()
                .ticks()
                .every(RENEWAL_INTERVAL)
                .onOverflow()
                .drop()
                .onItem()
                .transformToUniAndConcatenate(tick -> renew())
                .collect()
                .last()
                .onItem()
                .transformToUni(never -> Uni.createFrom().nothing());
        return Uni.combine().any().<T>of(work.get(), renewals).onTermination().call(this::release);
    }

    private Uni<Void> renew() {
        return Publishers.one(leases.updateOne(
                        isOwn(),
                        Updates.combine(Updates.currentDate("renewedAt"), Updates.set("progress", progress.summary())),
                        UPDATE))
                .invoke(result -> {
                    if (result.getMatchedCount() == 0) {
                        throw new IntegrityException(
                                "Another healer took over, because this one did not renew its lease for "
                                        + TIME_TO_LIVE.toSeconds() + " s");
                    }
                })
                .onFailure(DriverFailure::isUnavailable)
                .recoverWithItem(failure -> {
                    LOG.warnf("event=lease-renewal-failed cause=\"%s\"", failure.getMessage());
                    return null;
                })
                .replaceWithVoid();
    }

    private Uni<Void> release() {
        return Publishers.one(leases.updateOne(isOwn(), Updates.set("holder", null), UPDATE))
                .onFailure()
                .recoverWithItem(failure -> {
                    LOG.warnf(
                            "event=lease-not-released cause=\"%s\": the lease expires in %d s",
                            failure.getMessage(), TIME_TO_LIVE.toSeconds());
                    return null;
                })
                .replaceWithVoid();
    }

    private Bson isOwn() {
        return Filters.and(Filters.eq("_id", name), Filters.eq("holder", progress.run()));
    }

    /** Completes when the lease is free. Meanwhile the run's step shows the progress of the holder. */
    Uni<Void> untilFree() {
        return holder().invoke(holder -> holder.map(lease -> lease.get("progress"))
                        .filter(BsonValue::isString)
                        .ifPresent(text -> progress.step("waiting for another process: "
                                + text.asString().getValue())))
                .repeat()
                .withDelay(POLL_INTERVAL)
                .until(Optional::isEmpty)
                .collect()
                .last()
                .replaceWithVoid();
    }

    private Uni<Optional<BsonDocument>> holder() {
        return serverTime()
                .chain(now -> Publishers.one(leases.find(Filters.and(Filters.eq("_id", name), isHeldAt(now)))
                        .collation(SIMPLE)
                        .first()))
                .map(Optional::ofNullable);
    }

    private Uni<Instant> serverTime() {
        return Hello.ask(command -> Publishers.one(database.runCommand(command, BsonDocument.class)))
                .map(answer ->
                        Instant.ofEpochMilli(answer.getDateTime("localTime").getValue()));
    }
}
