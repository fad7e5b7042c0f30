package consulting.lmx.conversation.integrity.engine.repair;

import static com.mongodb.client.model.Projections.include;

import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/**
 * Gives every document whose key has a defect a sound one, in batches along one scan. What is in memory is the batches in
 * flight, however large the collection. Ended at any moment, the next one goes on with what is still broken.
 */
public final class Backfill {

    private static final Logger LOG = Logger.getLogger(Backfill.class);
    private static final int IN_FLIGHT = 3;
    private static final int BATCHES_READ_AT_ONCE = 2;

    private final MongoCollection<BsonDocument> collection;
    private final RepairWriter repairer;
    private final int batchSize;

    public Backfill(MongoCollection<BsonDocument> collection, RepairWriter repairer, int batchSize) {
        this.collection = collection;
        this.repairer = repairer;
        this.batchSize = batchSize;
    }

    public Uni<Void> run(RequiredKey key, RunProgress progress) {
        progress.scanning();
        return broken(key)
                .select()
                .first(batch -> !progress.stopping())
                .onItem()
                .transformToUni(batch -> repairer.repair(repairs(batch, key, progress), key, progress))
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
    public Uni<Long> look(RequiredKey key, RunProgress progress) {
        return broken(key)
                .map(batch -> (long) repairs(batch, key, progress).size())
                .collect()
                .with(Collectors.summingLong(Long::longValue));
    }

    private Multi<List<StoredKey>> broken(RequiredKey key) {
        return Publishers.many(StoredKey.of(collection, key.field())
                        .find(Defect.filter(key.field()))
                        .collation(Collations.SIMPLE)
                        .projection(include(key.field()))
                        .batchSize(batchSize * BATCHES_READ_AT_ONCE))
                .group()
                .intoLists()
                .of(batchSize);
    }

    /** The repairs of what was read; a value that the server's filter found and the classifier finds sound stays as it is. */
    private static List<Repair> repairs(List<StoredKey> batch, RequiredKey key, RunProgress progress) {
        List<Repair> repairs = new ArrayList<>(batch.size());
        for (StoredKey read : batch) {
            StoredKey stored = read.isNoText() ? new StoredKey(read.id(), StoredKey.NO_TEXT) : read;
            stored.defect().ifPresent(defect -> {
                progress.of(key).found(defect, 1);
                repairs.add(Repair.of(stored.id(), stored.value(), defect, key));
            });
        }
        return repairs;
    }
}
