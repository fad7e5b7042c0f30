package consulting.lmx.conversation.integrity;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.ReturnDocument;
import com.mongodb.client.model.Updates;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.error.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.Optional;
import java.util.function.Supplier;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonInt64;
import org.bson.BsonString;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Lets one healer work at a time, among all processes. It lives by the server's clock alone, is renewed while its holder
 * works, and is free some seconds after its holder has died. It saves work, and nothing is wrong without it: each repair is
 * guarded by itself.
 */
final class Lease {

    private static final Logger LOG = Logger.getLogger(Lease.class);

    static final String COLLECTION = "integrity_lease";

    /** After so long without a renewal it is free. */
    static final Duration TIME_TO_LIVE = Duration.ofSeconds(5);

    private static final Duration RENEWAL = Duration.ofSeconds(1);
    private static final Duration POLL = Duration.ofMillis(300);

    /** What its holder has written of itself. */
    record Held(String holder, String host, long fence, String step, long healed, long remaining) {}

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> leases;
    private final String name;
    private final String host;
    private final RunProgress progress;
    private final Pace pace;

    Lease(MongoDatabase database, String name, String host, RunProgress progress, Pace pace) {
        this.database = database;
        this.leases = database.getCollection(COLLECTION, BsonDocument.class);
        this.name = name;
        this.host = host;
        this.progress = progress;
        this.pace = pace;
    }

    /** Takes the lease where it is free; the number is one more than its last holder's. Empty where somebody holds it. */
    Uni<Optional<Long>> acquire() {
        return serverTime()
                .chain(now -> Publishers.one(leases.findOneAndUpdate(
                        Filters.and(
                                Filters.eq("_id", name),
                                Filters.or(
                                        Filters.eq("holder", null),
                                        Filters.lt("renewedAt", Date.from(now.minus(TIME_TO_LIVE))))),
                        Updates.combine(
                                Updates.set("holder", progress.run()),
                                Updates.set("host", host),
                                Updates.inc("fence", 1L),
                                Updates.currentDate("renewedAt")),
                        new FindOneAndUpdateOptions().upsert(true).returnDocument(ReturnDocument.AFTER))))
                .map(taken -> Optional.of(taken.getNumber("fence").longValue()))
                .invoke(fence -> LOG.infof("event=lease-taken run=%s fence=%d", progress.run(), fence.get()))
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithItem(Optional.empty());
    }

    /** Does the work with the lease renewed beside it, and gives it back however the work ends. */
    <T> Uni<T> holdWhile(long fence, Supplier<Uni<T>> work) {
        Uni<T> renewals = Multi.createFrom()
                .ticks()
                .every(RENEWAL)
                .onOverflow()
                .drop()
                .onItem()
                .transformToUniAndConcatenate(tick -> renew(fence))
                .collect()
                .last()
                .onItem()
                .transformToUni(never -> Uni.createFrom().nothing());
        return Uni.combine().any().<T>of(work.get(), renewals).onTermination().call(() -> release(fence));
    }

    private Uni<Void> renew(long fence) {
        return Publishers.one(leases.updateOne(
                        mine(fence),
                        Updates.combine(
                                Updates.currentDate("renewedAt"),
                                Updates.set("step", progress.step()),
                                Updates.set("healed", progress.totalHealed()),
                                Updates.set("remaining", progress.remaining()))))
                .invoke(result -> {
                    if (result.getMatchedCount() == 0) {
                        throw new IntegrityException(
                                "Another healer has taken over, since this one was not heard of for "
                                        + TIME_TO_LIVE.toSeconds() + " s");
                    }
                })
                .chain(this::hello)
                .invoke(this::tellLag)
                .onFailure(DriverFailure::isUnavailable)
                .recoverWithItem(failure -> {
                    LOG.warnf("event=lease-renewal-failed cause=\"%s\"", failure.getMessage());
                    return null;
                })
                .replaceWithVoid();
    }

    private Uni<Void> release(long fence) {
        return Publishers.one(leases.updateOne(mine(fence), Updates.set("holder", null)))
                .onFailure()
                .recoverWithItem(failure -> {
                    LOG.warnf(
                            "event=lease-not-released cause=\"%s\": it is free by itself in %d s",
                            failure.getMessage(), TIME_TO_LIVE.toSeconds());
                    return null;
                })
                .replaceWithVoid();
    }

    private Bson mine(long fence) {
        return Filters.and(Filters.eq("_id", name), Filters.eq("holder", progress.run()), Filters.eq("fence", fence));
    }

    /** Done when the lease is free; what its holder says of its progress is shown in the meantime. */
    Uni<Void> untilFree() {
        return serverTime()
                .chain(now -> Publishers.one(
                                leases.find(Filters.eq("_id", name)).first())
                        .map(lease -> heldAt(lease, now)))
                .chain(held -> {
                    progress.watch(held.orElse(null));
                    return held.isEmpty()
                            ? Uni.createFrom().voidItem()
                            : Uni.createFrom()
                                    .voidItem()
                                    .onItem()
                                    .delayIt()
                                    .by(POLL)
                                    .chain(this::untilFree);
                });
    }

    private static Optional<Held> heldAt(BsonDocument lease, Instant now) {
        if (lease == null || !lease.isString("holder")) {
            return Optional.empty();
        }
        Instant renewedAt = Instant.ofEpochMilli(lease.getDateTime("renewedAt").getValue());
        if (renewedAt.plus(TIME_TO_LIVE).isBefore(now)) {
            return Optional.empty();
        }
        return Optional.of(new Held(
                lease.getString("holder").getValue(),
                lease.getString("host").getValue(),
                lease.getNumber("fence").longValue(),
                lease.getString("step", new BsonString("started")).getValue(),
                lease.getNumber("healed", new BsonInt64(0)).longValue(),
                lease.getNumber("remaining", new BsonInt64(0)).longValue()));
    }

    private Uni<BsonDocument> hello() {
        return Publishers.one(database.runCommand(new BsonDocument("isMaster", new BsonInt32(1)), BsonDocument.class));
    }

    private Uni<Instant> serverTime() {
        return hello().map(answer ->
                Instant.ofEpochMilli(answer.getDateTime("localTime").getValue()));
    }

    /** How far the majority is behind what was last written, as the server says of itself. */
    private void tellLag(BsonDocument hello) {
        BsonDocument lastWrite = hello.getDocument("lastWrite", new BsonDocument());
        BsonDateTime none = new BsonDateTime(0);
        long written = lastWrite.getDateTime("lastWriteDate", none).getValue();
        long replicated = lastWrite.getDateTime("majorityWriteDate", none).getValue();
        pace.lag(Duration.ofMillis(Math.max(0, written - replicated)));
    }
}
