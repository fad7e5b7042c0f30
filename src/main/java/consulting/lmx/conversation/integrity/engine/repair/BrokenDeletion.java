package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.client.model.DeleteOneModel;
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
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.bson.BsonDocument;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Deletes documents whose key is missing, null or blank instead of repairing them, with their parts in the companion
 * collection. Everything that is deleted has been written to a file before, and has reached the disk. What the file cannot
 * hold is not deleted: it is repaired as others are.
 */
public final class BrokenDeletion {

    private static final Logger LOG = Logger.getLogger(BrokenDeletion.class);

    private static final int LARGEST_BATCH = 100;

    private static final DeleteOptions SIMPLE = new DeleteOptions().collation(Collations.SIMPLE);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final Invariant invariant;
    private final HealSettings settings;
    private final RateLimiter pace;

    public BrokenDeletion(MongoDatabase database, Invariant invariant, HealSettings settings, RateLimiter pace) {
        this.database = database;
        this.collection = database.getCollection(invariant.collection(), BsonDocument.class);
        this.invariant = invariant;
        this.settings = settings;
        this.pace = pace;
    }

    /** The documents that would be deleted for this key. Types are asked for, since equality with null finds others too. */
    static Bson filter(String field) {
        return Filters.or(Filters.exists(field, false), isOf(BsonType.NULL, field), isBlank(field));
    }

    private static Bson isBlank(String field) {
        return Filters.and(isOf(BsonType.STRING, field), Filters.regex(field, Text.BLANK));
    }

    /** An array has the types of its elements too. */
    private static Bson isOf(BsonType type, String field) {
        return Filters.and(Filters.type(field, type), Filters.not(Filters.type(field, BsonType.ARRAY)));
    }

    /** Done at once if nothing is to be deleted. Fails, with nothing more deleted, if the file cannot be written. */
    public Uni<Void> run(RequiredKey key, RunProgress progress) {
        if (settings.deleteBrokenTo().isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        int batchSize = Math.min(settings.batchSize(), LARGEST_BATCH);
        progress.scanning();
        return Publishers.many(collection
                        .find(filter(key.field()))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include("_id"))
                        .batchSize(batchSize))
                .map(document -> document.get("_id"))
                .select()
                .first(id -> !progress.stopping())
                .group()
                .intoLists()
                .of(batchSize)
                .onItem()
                .transformToUniAndConcatenate(ids -> pace.permit(ids.size())
                        .chain(() -> export(ids, key, progress))
                        .chain(exported -> delete(exported, progress)))
                .collect()
                .last()
                .invoke(progress::requireGoingOn);
    }

    /** A document that stands in the file, and how it is found as long as it is as it stands there. */
    private record Exported(BsonValue id, Bson unchanged) {}

    /** Reads documents as they are now: after the wait, so that a writer's last change is exported too. */
    private Uni<List<Exported>> export(List<BsonValue> ids, RequiredKey key, RunProgress progress) {
        return Uni.createFrom().deferred(() -> {
            DeletionFile file = new DeletionFile(settings.deleteBrokenTo().orElseThrow());
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
                    .invoke(file::force)
                    .onTermination()
                    .invoke(file::close);
        });
    }

    private Uni<Optional<Exported>> export(
            RawBsonDocument document, RequiredKey key, DeletionFile file, RunProgress progress) {
        BsonValue id = document.get("_id");
        long begin = file.position();
        boolean[] whole = {file.add(null, document)};
        return parts(id)
                .invoke(part -> whole[0] = file.add(nameOfCompanion(), part) && whole[0])
                .collect()
                .last()
                .map(last -> {
                    if (whole[0]) {
                        Defect.of(document.get(key.field()))
                                .ifPresent(defect -> progress.of(key).found(defect, 1));
                        return Optional.of(new Exported(id, unchanged(document, key)));
                    }
                    file.truncate(begin);
                    LOG.warnf(
                            "event=not-deleted document=%s: Extended JSON cannot hold it, so it is repaired instead",
                            ExtendedJson.of(new BsonDocument("_id", id)));
                    return Optional.empty();
                });
    }

    private String nameOfCompanion() {
        return invariant.companion().map(Companion::collection).orElseThrow();
    }

    private Multi<RawBsonDocument> parts(BsonValue id) {
        return invariant
                .companion()
                .map(companion -> Publishers.many(database.getCollection(companion.collection(), RawBsonDocument.class)
                        .find(companion.partsOf(id))
                        .collation(Collations.SIMPLE)
                        .batchSize(1)))
                .orElse(Multi.createFrom().empty());
    }

    /** By the value that makes it broken, and by the date that each write of a well-behaved program sets. */
    private Bson unchanged(RawBsonDocument document, RequiredKey key) {
        BsonValue was = document.get(key.field());
        return Filters.and(
                Filters.eq("_id", document.get("_id")),
                was != null && was.isString() ? isBlank(key.field()) : Repair.guard(key.field(), was),
                Repair.guard(invariant.updatedField(), document.get(invariant.updatedField())));
    }

    private Uni<Void> delete(List<Exported> batch, RunProgress progress) {
        if (batch.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        return Publishers.one(collection.bulkWrite(batch.stream()
                        .map(exported -> new DeleteOneModel<BsonDocument>(exported.unchanged(), SIMPLE))
                        .toList()))
                .invoke(result -> progress.deleted(result.getDeletedCount()))
                .chain(result -> gone(batch.stream().map(Exported::id).toList()))
                .chain(this::deleteParts);
    }

    /** Those of the documents that are there no more. */
    private Uni<Set<BsonValue>> gone(List<BsonValue> ids) {
        return Publishers.list(collection
                        .find(Filters.in("_id", ids))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include("_id")))
                .map(there -> {
                    Set<BsonValue> gone = new HashSet<>(ids);
                    there.forEach(document -> gone.remove(document.get("_id")));
                    return gone;
                });
    }

    private Uni<Void> deleteParts(Set<BsonValue> gone) {
        return invariant
                .companion()
                .map(companion -> Multi.createFrom()
                        .iterable(gone)
                        .onItem()
                        .transformToUniAndConcatenate(
                                id -> Publishers.one(database.getCollection(companion.collection())
                                        .deleteMany(companion.partsOf(id), SIMPLE)))
                        .collect()
                        .last()
                        .replaceWithVoid())
                .orElse(Uni.createFrom().voidItem());
    }
}
