package consulting.lmx.conversation.integrity;

import static com.mongodb.client.model.Projections.include;

import com.mongodb.reactivestreams.client.MongoCollection;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/**
 * Gives every document whose key has a defect a sound one, in batches along one scan. What is in memory is the batches in
 * flight, however large the collection. Ended at any moment, the next one goes on with what is still broken.
 */
final class Backfill {

    private static final Logger LOG = Logger.getLogger(Backfill.class);
    private static final int IN_FLIGHT = 2;

    private final MongoCollection<BsonDocument> collection;
    private final Repairer repairer;
    private final int batchSize;

    Backfill(MongoCollection<BsonDocument> collection, Repairer repairer, int batchSize) {
        this.collection = collection;
        this.repairer = repairer;
        this.batchSize = batchSize;
    }

    Uni<Void> run(RequiredKey key, RunProgress progress) {
        progress.reading();
        return broken(key)
                .select()
                .first(repair -> !progress.stopping())
                .invoke(repair -> progress.of(key).found(repair.defect(), 1))
                .group()
                .intoLists()
                .of(batchSize)
                .onItem()
                .transformToUni(batch -> repairer.repair(batch, key, progress))
                .merge(IN_FLIGHT)
                .collect()
                .last()
                .invoke(progress::requireGoingOn)
                .invoke(() -> LOG.infof(
                        "event=backfill run=%s field=%s found=%s healed=%s",
                        progress.run(),
                        key.field(),
                        progress.of(key).brokenByWord(),
                        progress.of(key).healedByWord()));
    }

    /** Counts what is broken, by reason, and writes nothing. */
    Uni<Long> look(RequiredKey key, RunProgress progress) {
        return broken(key)
                .invoke(repair -> progress.of(key).found(repair.defect(), 1))
                .collect()
                .with(Collectors.counting());
    }

    private Multi<Repair> broken(RequiredKey key) {
        return Publishers.many(collection
                        .find(Defect.filter(key.field()))
                        .projection(include(key.field()))
                        .batchSize(batchSize))
                .map(document -> repairOf(document, key))
                .filter(Optional::isPresent)
                .map(Optional::get);
    }

    /** Empty where the server's filter and the classifier disagree: then the value is sound, and stays as it is. */
    private static Optional<Repair> repairOf(BsonDocument document, RequiredKey key) {
        return Defect.of(document.get(key.field()))
                .map(defect -> Repair.of(document.get("_id"), document.get(key.field()), defect, key));
    }
}
