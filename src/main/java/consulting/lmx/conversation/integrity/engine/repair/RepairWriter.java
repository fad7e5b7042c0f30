package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.MongoCommandException;
import com.mongodb.MongoWriteException;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.bson.BsonBinary;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.conversions.Bson;

/**
 * Sends a batch of repairs within the rate limit, and counts exactly what they changed, by reason. Common defects go into
 * one update with a pipeline, which looks up each new value by {@code _id} and copies the old value from the document.
 * Other repairs are single updates, and so are all repairs if the server rejects the pipeline. Every filter contains the
 * guard.
 */
public final class RepairWriter {

    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    /** The smallest binary that is too long for a UUID: servers compare binaries by length first. */
    private static final BsonBinary LONGER_THAN_UUID = new BsonBinary(new byte[Defect.UUID_BYTES + 1]);

    /** The defects that one update can distinguish by the type of the stored value. */
    private static final Set<Defect> COMMON =
            EnumSet.of(Defect.MISSING, Defect.NULL, Defect.BLANK, Defect.NOT_A_STRING);

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final InstantSource clock;
    private final RateLimiter rateLimiter;
    private final Uni<Boolean> supportsPipelines;
    private final SingleRepairs singles;

    public RepairWriter(
            MongoCollection<BsonDocument> collection,
            String updatedField,
            InstantSource clock,
            RateLimiter rateLimiter) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
        this.rateLimiter = rateLimiter;
        this.supportsPipelines = supportsPipelines(collection).memoize().indefinitely();
        this.singles = new SingleRepairs(collection, updatedField, clock);
    }

    /** Tries an update that matches nothing. */
    private static Uni<Boolean> supportsPipelines(MongoCollection<BsonDocument> collection) {
        List<Bson> pipeline = List.of(BsonDocument.parse("{$set: {a: {$literal: 1}}}"));
        return Uni.createFrom()
                .deferred(() ->
                        Publishers.one(collection.updateOne(Filters.eq("_id", new BsonObjectId()), pipeline, SIMPLE)))
                .map(result -> true)
                .onFailure(DriverFailure::isRejected)
                .recoverWithItem(false);
    }

    /** Completes when every repair is acknowledged, or no longer needed. */
    public Uni<Void> repair(List<Repair> batch, RequiredKey key, RunProgress progress) {
        return rateLimiter.permit(batch.size()).chain(() -> send(batch, key, progress));
    }

    private Uni<Void> send(List<Repair> batch, RequiredKey key, RunProgress progress) {
        return supportsPipelines.chain(pipelines -> {
            Map<Boolean, List<Repair>> common =
                    batch.stream().collect(Collectors.partitioningBy(repair -> pipelines && isCommon(repair)));
            return sendCommon(common.get(true), key, progress)
                    .chain(() -> singles.send(common.get(false), key, progress));
        });
    }

    /** A short binary is not common: if a writer replaces it with a UUID, the repair is that UUID's text. */
    private static boolean isCommon(Repair repair) {
        boolean binary = repair.was() != null && repair.was().isBinary();
        return COMMON.contains(repair.defect()) && !binary;
    }

    private Uni<Void> sendCommon(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        if (repairs.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        Map<Defect, Long> counts =
                repairs.stream().collect(Collectors.groupingBy(Repair::defect, Collectors.counting()));
        BsonDocument filter = ListedUpdate.anyOf(repairs, stillBroken(key.field(), counts.keySet()));
        BsonDocument set = ListedUpdate.set(key.field(), repairs, record(key, progress));
        return Publishers.one(collection.updateMany(filter, List.of(set), SIMPLE))
                .chain(result -> result.getModifiedCount() == repairs.size()
                        ? Uni.createFrom().item(counts)
                        : healedOf(repairs, key, progress))
                .invoke(healed -> healed(healed, key, progress))
                .replaceWithVoid()
                .onFailure(RepairWriter::isRefused)
                .recoverWithUni(refused -> repairs.size() == 1
                        ? singles.send(repairs, key, progress)
                        : healedOf(repairs, key, progress)
                                .invoke(healed -> healed(healed, key, progress))
                                .chain(() -> sendSeparately(repairs, key, progress)));
    }

    /** Sends single updates, and lets the server copy each value that cannot be sent. */
    private Uni<Void> sendSeparately(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        Map<Boolean, List<Repair>> sendable =
                repairs.stream().collect(Collectors.partitioningBy(repair -> repair.was() != Repair.UNSENDABLE));
        return singles.send(sendable.get(true), key, progress)
                .chain(() ->
                        SingleRepairs.each(sendable.get(false), repair -> sendCommon(List.of(repair), key, progress)));
    }

    /** Whether the server rejected the update, but may accept single ones. */
    private static boolean isRefused(Throwable failure) {
        return (failure instanceof MongoWriteException || failure instanceof MongoCommandException)
                && !DriverFailure.isUnavailable(failure);
    }

    private static void healed(Map<Defect, Long> counts, RequiredKey key, RunProgress progress) {
        counts.forEach((defect, n) -> progress.healed(key, defect, n));
    }

    /** Matches only documents that still have one of these defects. Equality with null matches a missing field too. */
    private static BsonDocument stillBroken(String field, Set<Defect> defects) {
        List<Bson> any = new ArrayList<>();
        any.add(Filters.eq(field, null));
        if (defects.contains(Defect.BLANK)) {
            // a string that is not valid UTF-8 matches no pattern
            any.add(Filters.and(
                    Filters.type(field, BsonType.STRING), Filters.not(Filters.regex(field, Text.NOT_BLANK))));
        }
        if (defects.contains(Defect.NOT_A_STRING)) {
            any.add(Filters.nor(Filters.type(field, BsonType.STRING), Filters.type(field, BsonType.BINARY)));
            any.add(Filters.type(field, BsonType.ARRAY));
            any.add(Filters.and(Filters.type(field, BsonType.BINARY), Filters.gte(field, LONGER_THAN_UUID)));
        }
        return Filters.or(any).toBsonDocument();
    }

    /** The update date and the repair record. $mergeObjects: a plain object would be merged into an existing record. */
    private BsonDocument record(RequiredKey key, RunProgress progress) {
        BsonDateTime at = new BsonDateTime(clock.millis());
        BsonDocument record = BsonDocument.parse("""
                {reason: {$switch: {
                  branches: [
                    {case: {$eq: [{$type: '$KEY'}, 'missing']}, then: 'missing'},
                    {case: {$eq: [{$type: '$KEY'}, 'null']}, then: 'null'},
                    {case: {$eq: [{$type: '$KEY'}, 'string']}, then: 'blank'}],
                  default: 'not-a-string'}},
                was: {$ifNull: ['$KEY', '$$REMOVE']}}
                """.replace("KEY", key.field()));
        record.append("at", at).append("run", new BsonDocument("$literal", new BsonString(progress.run())));
        return new BsonDocument(updatedField, at).append(key.repairField(), new BsonDocument("$mergeObjects", record));
    }

    /** Counts from the repair records what this run did, because writers changed some of the documents meanwhile. */
    private Uni<Map<Defect, Long>> healedOf(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        BsonDocument byThisRun = new BsonDocument(key.repairField() + ".run", new BsonString(progress.run()));
        return Publishers.list(collection
                        .find(ListedUpdate.anyOf(repairs, byThisRun))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include(key.repairField() + ".reason")))
                .map(documents -> documents.stream()
                        .map(document -> document.getDocument(key.repairField())
                                .getString("reason")
                                .getValue())
                        .collect(Collectors.groupingBy(Defect::ofWord, Collectors.counting())));
    }
}
