package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.WriteError;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.repair.Repair.Kept;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bson.BsonDocument;

/**
 * Sends each repair as a single update. If the server refuses one, it is sent again with the old value as text, then without
 * the repair record. A document without room even for its key stays broken.
 */
final class SingleRepairs {

    private static final BulkWriteOptions UNORDERED = new BulkWriteOptions().ordered(false);
    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final InstantSource clock;
    private final Uni<Boolean> supportsPipelines;

    SingleRepairs(
            MongoCollection<BsonDocument> collection,
            String updatedField,
            InstantSource clock,
            Uni<Boolean> supportsPipelines) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
        this.supportsPipelines = supportsPipelines;
    }

    /** Completes when every repair is acknowledged, no longer needed or not possible. */
    Uni<Void> send(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        return Multi.createFrom()
                .iterable(repairs.stream()
                        .collect(Collectors.groupingBy(Repair::defect))
                        .entrySet())
                .onItem()
                .transformToUniAndConcatenate(entry -> send(entry.getKey(), entry.getValue(), key, progress))
                .collect()
                .last();
    }

    private Uni<Void> send(Defect defect, List<Repair> repairs, RequiredKey key, RunProgress progress) {
        return supportsPipelines.chain(pipelines -> {
            Map<Boolean, List<Repair>> bare = repairs.stream()
                    .collect(Collectors.partitioningBy(
                            repair -> repair.kept() == Kept.NOT || repair.isTooLargeToSend(pipelines)));
            return sendWithRecord(defect, bare.get(false), key, pipelines, progress)
                    .chain(() -> Multi.createFrom()
                            .iterable(bare.get(true))
                            .onItem()
                            .transformToUniAndConcatenate(repair -> sendBare(repair.withoutRecord(), key, progress))
                            .collect()
                            .last());
        });
    }

    private Uni<Void> sendWithRecord(
            Defect defect, List<Repair> repairs, RequiredKey key, boolean pipelines, RunProgress progress) {
        if (repairs.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        Instant at = clock.instant();
        return Publishers.one(collection.bulkWrite(
                        repairs.stream()
                                .map(repair -> repair.model(key, updatedField, at, progress.run(), pipelines))
                                .toList(),
                        UNORDERED))
                .invoke(result -> progress.healed(key, defect, result.getModifiedCount()))
                .replaceWithVoid()
                .onFailure(SingleRepairs::isRetryable)
                .recoverWithUni(failure -> {
                    MongoBulkWriteException refused = (MongoBulkWriteException) failure;
                    progress.healed(key, defect, refused.getWriteResult().getModifiedCount());
                    List<Repair> again = refused.getWriteErrors().stream()
                            .map(error -> again(error, repairs.get(error.getIndex()), key))
                            .toList();
                    return send(again, key, progress);
                });
    }

    /** Whether the server may accept everything that it refused in another form. */
    private static boolean isRetryable(Throwable failure) {
        return failure instanceof MongoBulkWriteException refused
                && refused.getWriteConcernError() == null
                && refused.getWriteErrors().stream()
                        .allMatch(error -> DriverFailure.isDuplicateKey(error)
                                || DriverFailure.isTooLarge(error)
                                || DriverFailure.isUnstorable(error));
    }

    private static Repair again(WriteError error, Repair repair, RequiredKey key) {
        if (DriverFailure.isDuplicateKey(error)) {
            return repair.asDuplicate(key);
        }
        return DriverFailure.isTooLarge(error) ? repair.withoutRecord() : repair.withSimplerRecord();
    }

    /** Sends the key without a record. Such documents are few, and the report names each. */
    private Uni<Void> sendBare(Repair repair, RequiredKey key, RunProgress progress) {
        UpdateOneModel<BsonDocument> update = repair.model(key, updatedField, clock.instant(), progress.run(), false);
        return Publishers.one(collection.updateOne(update.getFilter(), update.getUpdate(), SIMPLE))
                .invoke(result -> {
                    if (result.getModifiedCount() > 0) {
                        progress.healed(key, repair.defect(), 1);
                        progress.repairedWithoutRecord(key, repair.id(), repair.defect());
                    }
                })
                .replaceWithVoid()
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> sendBare(repair.asDuplicate(key), key, progress))
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(() -> {
                    progress.notRepaired(key, repair.id(), repair.defect());
                    return Uni.createFrom().voidItem();
                });
    }
}
