package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.client.model.DeleteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.Companion;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.ExtendedJson;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Deletes documents with a missing, null or blank key instead of repairing them, with their parts in the companion
 * collection. Everything is written to a file and synced to disk before it is deleted. A document that the file cannot
 * represent is not deleted, but repaired.
 */
public final class BrokenDeletion {

    private static final Logger LOG = Logger.getLogger(BrokenDeletion.class);

    private static final int MAX_BATCH = 100;

    private static final DeleteOptions SIMPLE = new DeleteOptions().collation(Collations.SIMPLE);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final Invariant invariant;
    private final HealSettings settings;
    private final RateLimiter rateLimiter;

    public BrokenDeletion(MongoDatabase database, Invariant invariant, HealSettings settings, RateLimiter rateLimiter) {
        this.database = database;
        this.collection = database.getCollection(invariant.collection(), BsonDocument.class);
        this.invariant = invariant;
        this.settings = settings;
        this.rateLimiter = rateLimiter;
    }

    /** Matches the documents to delete. It asks for types, because equality with null matches other documents too. */
    private static Bson filter(String field) {
        return Filters.or(Filters.exists(field, false), hasType(BsonType.NULL, field), isBlank(field));
    }

    private static Bson isBlank(String field) {
        return Filters.and(hasType(BsonType.STRING, field), Filters.regex(field, Text.BLANK));
    }

    /** An array matches the types of its elements too. */
    private static Bson hasType(BsonType type, String field) {
        return Filters.and(Filters.type(field, type), Filters.not(Filters.type(field, BsonType.ARRAY)));
    }

    /**
     * Completes at once if the settings name no file. Fails with an UncheckedIOException if the file cannot be written;
     * nothing more is deleted then.
     */
    public Uni<Void> run(RequiredKey key, RunProgress progress) {
        if (settings.deletionFile().isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        int batchSize = Math.min(settings.batchSize(), MAX_BATCH);
        progress.scanning();
        return Publishers.many(collection
                        .find(filter(key.field()))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include("_id"))
                        .batchSize(batchSize))
                .map(document -> document.get("_id"))
                .group()
                .intoLists()
                .of(batchSize)
                .onItem()
                .transformToUniAndConcatenate(ids -> rateLimiter
                        .permit(ids.size())
                        .chain(() -> export(ids, key, progress))
                        .chain(exported -> delete(exported, progress)))
                .collect()
                .last();
    }

    /** A document in the file, and a filter that matches it only while it is unchanged. */
    private record Exported(BsonValue id, Bson unchanged) {}

    /** Reads the documents after the rate limiter's wait, so that the file contains the last change of each. */
    private Uni<List<Exported>> export(List<BsonValue> ids, RequiredKey key, RunProgress progress) {
        return Uni.createFrom().deferred(() -> {
            DeletionFile file = new DeletionFile(settings.deletionFile().orElseThrow());
            return Publishers.many(collection
                            .withDocumentClass(RawBsonDocument.class)
                            .find(Filters.and(Filters.in("_id", ids), filter(key.field())))
                            .collation(Collations.SIMPLE)
                            .batchSize(1))
                    .onItem()
                    .transformToUniAndConcatenate(document -> export(document, key, file, progress))
                    .filter(Optional::isPresent)
                    .map(Optional::get)
                    .collect()
                    .asList()
                    .invoke(file::sync)
                    .onTermination()
                    .invoke(file::close);
        });
    }

    private Uni<Optional<Exported>> export(
            RawBsonDocument document, RequiredKey key, DeletionFile file, RunProgress progress) {
        BsonValue id = document.get("_id");
        long start = file.position();
        boolean[] complete = {file.add(null, document)};
        return Multi.createFrom()
                .items(invariant.companion().stream())
                .onItem()
                .transformToMultiAndConcatenate(companion -> parts(companion, id)
                        .invoke(part -> complete[0] = file.add(companion.collection(), part) && complete[0]))
                .collect()
                .last()
                .map(last -> {
                    if (complete[0]) {
                        Defect.of(document.get(key.field()))
                                .ifPresent(defect -> progress.counts(key).found(defect, 1));
                        return Optional.of(new Exported(id, unchanged(document, key)));
                    }
                    file.truncate(start);
                    LOG.warnf(
                            "event=not-deleted document=%s: Extended JSON cannot represent it, so it is repaired instead",
                            ExtendedJson.of(new BsonDocument("_id", id)));
                    return Optional.empty();
                });
    }

    private Multi<RawBsonDocument> parts(Companion companion, BsonValue id) {
        return Publishers.many(database.getCollection(companion.collection(), RawBsonDocument.class)
                .find(companion.partsOf(id))
                .collation(Collations.SIMPLE)
                .batchSize(1));
    }

    /** Compares the broken key and the update date, which every well-behaved writer changes. */
    private Bson unchanged(RawBsonDocument document, RequiredKey key) {
        BsonValue was = document.get(key.field());
        return Filters.and(
                Filters.eq("_id", document.get("_id")),
                was != null && was.isString() ? isBlank(key.field()) : Repair.guard(key.field(), was),
                Repair.guard(invariant.updatedField(), document.get(invariant.updatedField())));
    }

    /** The parts go after their document, and only if it is gone. */
    private Uni<Void> delete(List<Exported> batch, RunProgress progress) {
        return Multi.createFrom()
                .iterable(batch)
                .onItem()
                .transformToUniAndConcatenate(
                        exported -> Publishers.one(collection.deleteOne(exported.unchanged(), SIMPLE))
                                .map(result -> result.getDeletedCount() > 0)
                                .invoke(deleted -> progress.deleted(deleted ? 1 : 0))
                                .chain(deleted -> deleted
                                        ? deleteParts(exported.id())
                                        : Uni.createFrom().voidItem()))
                .collect()
                .last();
    }

    private Uni<Void> deleteParts(BsonValue id) {
        return invariant
                .companion()
                .map(companion -> Publishers.one(database.getCollection(companion.collection())
                                .deleteMany(companion.partsOf(id), SIMPLE))
                        .replaceWithVoid())
                .orElseGet(() -> Uni.createFrom().voidItem());
    }
}
