package consulting.lmx.conversation.integrity;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.error.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bson.BsonDocument;

/** Sends a batch of repairs and counts what they changed. Repairs are sent by reason, so that each count is exact. */
final class Repairer {

    private static final BulkWriteOptions UNORDERED = new BulkWriteOptions().ordered(false);

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final Clock clock;

    Repairer(MongoCollection<BsonDocument> collection, String updatedField, Clock clock) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
    }

    /** Done when every repair of the batch was acknowledged, or found to be no longer needed. */
    Uni<Void> repair(List<Repair> batch, RequiredKey key, RunProgress progress) {
        Map<Defect, List<Repair>> byDefect = batch.stream().collect(Collectors.groupingBy(Repair::defect));
        return Multi.createFrom()
                .iterable(byDefect.entrySet())
                .onItem()
                .transformToUniAndConcatenate(entry -> send(entry.getKey(), entry.getValue(), key, progress))
                .collect()
                .last();
    }

    private Uni<Void> send(Defect defect, List<Repair> repairs, RequiredKey key, RunProgress progress) {
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
                    return repair(refusedAsDuplicates(refused, repairs, key), key, progress);
                });
    }

    private static List<Repair> refusedAsDuplicates(
            MongoBulkWriteException refused, List<Repair> repairs, RequiredKey key) {
        return refused.getWriteErrors().stream()
                .map(error -> repairs.get(error.getIndex()).asDuplicate(key))
                .toList();
    }
}
