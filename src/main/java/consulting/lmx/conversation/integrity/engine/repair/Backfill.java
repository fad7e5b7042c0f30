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
import org.bson.RawBsonDocument;
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
        return broken(key, progress)
                .onItem()
                .transformToUni(batch -> writer.repair(batch, key, progress))
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
        return broken(key, progress)
                .map(batch -> (long) batch.size())
                .collect()
                .with(Collectors.summingLong(Long::longValue));
    }

    private Multi<List<Repair>> broken(RequiredKey key, RunProgress progress) {
        return Publishers.many(collection
                        .withDocumentClass(RawBsonDocument.class)
                        .find(Defect.filter(key.field()))
                        .collation(Collations.SIMPLE)
                        .projection(include(key.field()))
                        .batchSize(batchSize * BATCHES_PER_READ))
                .map(document -> Repair.of(document, key))
                .filter(Optional::isPresent)
                .map(Optional::get)
                .invoke(repair -> progress.counts(key).found(repair.defect(), 1))
                .group()
                .intoLists()
                .of(batchSize);
    }
}
