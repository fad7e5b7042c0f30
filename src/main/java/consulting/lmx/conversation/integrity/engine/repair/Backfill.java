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
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/**
 * Gives every document with a defect in its key a valid value, in batches during one scan. Memory holds only the batches in
 * flight. If a backfill is interrupted, the next one repairs what is still broken.
 */
public final class Backfill {

    private static final Logger LOG = Logger.getLogger(Backfill.class);
    private static final int IN_FLIGHT = 3;
    private static final int BATCHES_PER_READ = 2;

    private final MongoCollection<BsonDocument> collection;
    private final RepairWriter writer;
    private final int batchSize;

    public Backfill(MongoCollection<BsonDocument> collection, RepairWriter writer, int batchSize) {
        this.collection = collection;
        this.writer = writer;
        this.batchSize = batchSize;
    }

    /** Completes when every repair is acknowledged. */
    public Uni<Void> run(RequiredKey key, RunProgress progress) {
        progress.scanning();
        return broken(key)
                .onItem()
                .transformToUni(batch -> writer.repair(repairs(batch, key, progress), key, progress))
                .merge(IN_FLIGHT)
                .collect()
                .last()
                .invoke(() -> LOG.infof(
                        "event=backfill run=%s field=%s found=%s healed=%s",
                        progress.run(),
                        key.field(),
                        progress.counts(key).brokenByWord(),
                        progress.counts(key).healedByWord()));
    }

    /** Counts the broken documents, by reason too, and writes nothing. */
    public Uni<Long> count(RequiredKey key, RunProgress progress) {
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
                        .batchSize(batchSize * BATCHES_PER_READ))
                .group()
                .intoLists()
                .of(batchSize);
    }

    /** If the server's filter and the classifier disagree, the document stays as it is. */
    private static List<Repair> repairs(List<StoredKey> batch, RequiredKey key, RunProgress progress) {
        return batch.stream()
                .map(StoredKey::withInvalidUtf8Marked)
                .map(stored -> stored.defect().map(defect -> {
                    progress.counts(key).found(defect, 1);
                    return Repair.of(stored.id(), stored.value(), defect, key);
                }))
                .flatMap(Optional::stream)
                .toList();
    }
}
