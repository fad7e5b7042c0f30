package consulting.lmx.conversation.integrity;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.MongoException;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * Sends a batch of repairs at the pace that is allowed, and counts what they changed. Repairs are sent by reason, so that
 * each count is exact. The common ones go as one update, whose pipeline takes each document's value out of a list and the
 * old value out of the document itself; where the server has no such updates, and for the rest, each is an update of its
 * own. Either way the guard stands in the filter.
 */
final class Repairer {

    private static final BulkWriteOptions UNORDERED = new BulkWriteOptions().ordered(false);

    /** The defects that can be asked for without the value itself. */
    private static final Set<Defect> BY_PIPELINE = EnumSet.of(Defect.MISSING, Defect.NULL, Defect.BLANK);

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final Clock clock;
    private final Pace pace;
    private final Uni<Boolean> takesPipelines;

    Repairer(
            MongoCollection<BsonDocument> collection,
            String updatedField,
            Clock clock,
            Pace pace,
            Uni<CollectionInfo> info) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
        this.pace = pace;
        this.takesPipelines = info.chain(this::takesPipelines).memoize().indefinitely();
    }

    /** Found out by asking, with an update that matches nothing. A list is searched by the collection's own collation. */
    private Uni<Boolean> takesPipelines(CollectionInfo info) {
        if (info.hasCollation()) {
            return Uni.createFrom().item(false);
        }
        List<Bson> pipeline =
                List.of(new BsonDocument("$set", new BsonDocument("a", BsonDocument.parse("{$literal: 1}"))));
        return Publishers.one(collection.updateOne(Filters.eq("_id", new BsonObjectId()), pipeline))
                .map(result -> true)
                .onFailure(failure -> failure instanceof MongoException && !DriverFailure.isUnavailable(failure))
                .recoverWithItem(false);
    }

    /** Done when every repair of the batch was acknowledged, or found to be no longer needed. */
    Uni<Void> repair(List<Repair> batch, RequiredKey key, RunProgress progress) {
        Duration wait = pace.next(batch.size());
        Uni<Void> permitted = wait.isZero()
                ? Uni.createFrom().voidItem()
                : Uni.createFrom().voidItem().onItem().delayIt().by(wait);
        return permitted.chain(() -> {
            long sent = System.nanoTime();
            return send(batch, key, progress).invoke(() -> pace.observed(batch.size(), System.nanoTime() - sent));
        });
    }

    private Uni<Void> send(List<Repair> batch, RequiredKey key, RunProgress progress) {
        Map<Defect, List<Repair>> byDefect = batch.stream().collect(Collectors.groupingBy(Repair::defect));
        return Multi.createFrom()
                .iterable(byDefect.entrySet())
                .onItem()
                .transformToUniAndConcatenate(
                        entry -> takesPipelines.chain(pipelines -> pipelines && BY_PIPELINE.contains(entry.getKey())
                                ? sendAsOne(entry.getKey(), entry.getValue(), key, progress)
                                : sendEach(entry.getKey(), entry.getValue(), key, progress)))
                .collect()
                .last();
    }

    private Uni<Void> sendAsOne(Defect defect, List<Repair> repairs, RequiredKey key, RunProgress progress) {
        BsonArray ids = new BsonArray(repairs.stream().map(Repair::id).toList());
        BsonArray values = new BsonArray(
                repairs.stream().map(repair -> new BsonString(repair.value())).toList());
        BsonDateTime at = new BsonDateTime(clock.millis());
        BsonDocument record = new BsonDocument("reason", literal(new BsonString(defect.word())));
        if (defect == Defect.BLANK) {
            record.append("was", new BsonString("$" + key.field()));
        }
        record.append("at", at).append("run", literal(new BsonString(progress.run())));
        BsonDocument position =
                new BsonDocument("$indexOfArray", new BsonArray(List.of(literal(ids), new BsonString("$_id"))));
        BsonDocument set = new BsonDocument(
                        key.field(),
                        new BsonDocument("$arrayElemAt", new BsonArray(List.of(literal(values), position))))
                .append(updatedField, at)
                .append(key.repairField(), record);
        Bson filter = Filters.and(Filters.in("_id", ids), still(defect, key.field()));
        return Publishers.one(collection.updateMany(filter, List.of(new BsonDocument("$set", set))))
                .invoke(result -> progress.healed(key, defect, result.getModifiedCount()))
                .replaceWithVoid();
    }

    /** Only documents that still have the defect. */
    private static Bson still(Defect defect, String field) {
        return switch (defect) {
            case MISSING -> Filters.exists(field, false);
            case NULL -> Filters.type(field, BsonType.NULL);
            default -> Filters.regex(field, Text.BLANK);
        };
    }

    private static BsonDocument literal(BsonValue value) {
        return new BsonDocument("$literal", value);
    }

    private Uni<Void> sendEach(Defect defect, List<Repair> repairs, RequiredKey key, RunProgress progress) {
        Instant at = clock.instant();
        return Publishers.one(collection.bulkWrite(
                        repairs.stream()
                                .map(repair -> repair.model(key, updatedField, at, progress.run()))
                                .toList(),
                        UNORDERED))
                .invoke(result -> progress.healed(key, defect, result.getModifiedCount()))
                .replaceWithVoid()
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(failure -> {
                    MongoBulkWriteException refused = (MongoBulkWriteException) failure;
                    progress.healed(key, defect, refused.getWriteResult().getModifiedCount());
                    return send(refusedAsDuplicates(refused, repairs, key), key, progress);
                });
    }

    private static List<Repair> refusedAsDuplicates(
            MongoBulkWriteException refused, List<Repair> repairs, RequiredKey key) {
        return refused.getWriteErrors().stream()
                .map(error -> repairs.get(error.getIndex()).asDuplicate(key))
                .toList();
    }
}
