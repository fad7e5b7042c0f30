package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.bson.BsonDocument;

/**
 * Sends each repair as a single update. If the server rejects one, it is sent again with the old value as text, then without
 * the repair record. A document without room even for its key stays broken.
 */
final class SingleRepairs {

    private static final BulkWriteOptions UNORDERED = new BulkWriteOptions().ordered(false);

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final InstantSource clock;

    SingleRepairs(MongoCollection<BsonDocument> collection, String updatedField, InstantSource clock) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
    }

    /** Completes when every repair is acknowledged, no longer needed or not possible. */
    Uni<Void> send(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        Map<Boolean, List<Repair>> recorded =
                repairs.stream().collect(Collectors.partitioningBy(Repair::fitsWithRecord));
        Map<Defect, List<Repair>> byDefect = recorded.get(true).stream().collect(Collectors.groupingBy(Repair::defect));
        return each(byDefect.entrySet(), same -> sendWithRecord(same.getKey(), same.getValue(), key, progress, false))
                .chain(() -> each(recorded.get(false), repair -> sendWithoutRecord(repair, key, progress)));
    }

    static <T> Uni<Void> each(Collection<T> items, Function<T, Uni<Void>> work) {
        return Multi.createFrom()
                .iterable(items)
                .onItem()
                .transformToUniAndConcatenate(work::apply)
                .collect()
                .last();
    }

    private Uni<Void> sendWithRecord(
            Defect defect, List<Repair> repairs, RequiredKey key, RunProgress progress, boolean asText) {
        Instant at = clock.instant();
        return Publishers.one(collection.bulkWrite(
                        repairs.stream()
                                .map(repair -> repair.withRecord(key, updatedField, at, progress.run(), asText))
                                .toList(),
                        UNORDERED))
                .invoke(result -> progress.healed(key, defect, result.getModifiedCount()))
                .replaceWithVoid()
                .onFailure(SingleRepairs::isRetryable)
                .recoverWithUni(failure -> {
                    MongoBulkWriteException refused = (MongoBulkWriteException) failure;
                    progress.healed(key, defect, refused.getWriteResult().getModifiedCount());
                    return each(refused.getWriteErrors(), error -> {
                        Repair repair = repairs.get(error.getIndex());
                        if (DriverFailure.isDuplicateKey(error)) {
                            return send(List.of(repair.asDuplicate(key)), key, progress);
                        }
                        return asText || DriverFailure.isTooLarge(error)
                                ? sendWithoutRecord(repair, key, progress)
                                : sendWithRecord(defect, List.of(repair), key, progress, true);
                    });
                });
    }

    /** Whether the server may accept everything that it rejected in another form. */
    private static boolean isRetryable(Throwable failure) {
        return failure instanceof MongoBulkWriteException refused
                && refused.getWriteConcernError() == null
                && refused.getWriteErrors().stream()
                        .allMatch(error -> DriverFailure.isDuplicateKey(error)
                                || DriverFailure.isTooLarge(error)
                                || DriverFailure.isUnstorable(error));
    }

    /** Such documents are few, and the report names each. */
    private Uni<Void> sendWithoutRecord(Repair repair, RequiredKey key, RunProgress progress) {
        UpdateOneModel<BsonDocument> update = repair.withoutRecord(key);
        return Publishers.one(collection.updateOne(update.getFilter(), update.getUpdate(), update.getOptions()))
                .invoke(result -> {
                    if (result.getModifiedCount() > 0) {
                        progress.healed(key, repair.defect(), 1);
                        progress.repairedWithoutRecord(key, repair.id(), repair.defect());
                    }
                })
                .replaceWithVoid()
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> sendWithoutRecord(repair.asDuplicate(key), key, progress))
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(() -> {
                    progress.notRepaired(key, repair.id(), repair.defect());
                    return Uni.createFrom().voidItem();
                });
    }
}
