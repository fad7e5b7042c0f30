package consulting.lmx.conversation.integrity;

import com.mongodb.client.model.DeleteOneModel;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * Deletes documents whose key is missing, null or blank instead of repairing them, where that was asked for. What is deleted
 * has been written to a file before, one document of canonical Extended JSON a line, and has reached the disk.
 */
final class BrokenDeletion {

    /** These are read whole, and one may have 16 MB. */
    private static final int LARGEST_BATCH = 100;

    private final MongoCollection<BsonDocument> collection;
    private final Optional<Path> file;
    private final int batchSize;
    private final Pace pace;

    BrokenDeletion(MongoCollection<BsonDocument> collection, HealSettings settings, Pace pace) {
        this.collection = collection;
        this.file = settings.deleteBrokenTo();
        this.batchSize = Math.min(settings.batchSize(), LARGEST_BATCH);
        this.pace = pace;
    }

    /** The documents that would be deleted for this key. */
    static Bson filter(String field) {
        return Filters.or(
                Filters.exists(field, false),
                Filters.eq(field, BsonNull.VALUE),
                Filters.and(Filters.not(Filters.type(field, BsonType.ARRAY)), Filters.regex(field, Text.BLANK)));
    }

    /** Done at once where nothing is to be deleted. Fails, with nothing deleted, where the file cannot be written. */
    Uni<Void> run(RequiredKey key, RunProgress progress) {
        if (file.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        progress.scanning();
        return Publishers.many(collection
                        .find(filter(key.field()))
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
                        .chain(() -> read(ids, key))
                        .chain(batch -> delete(batch, key, progress)))
                .collect()
                .last()
                .invoke(progress::requireGoingOn);
    }

    /** What is still to be deleted of these, as it is now: after the wait, so that a writer's last change is exported too. */
    private Uni<List<BsonDocument>> read(List<BsonValue> ids, RequiredKey key) {
        return Publishers.list(collection.find(Filters.and(Filters.in("_id", ids), filter(key.field()))));
    }

    private Uni<Void> delete(List<BsonDocument> batch, RequiredKey key, RunProgress progress) {
        if (batch.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        batch.forEach(document -> Defect.of(document.get(key.field()))
                .ifPresent(defect -> progress.of(key).found(defect, 1)));
        export(batch);
        return Publishers.one(collection.bulkWrite(batch.stream()
                        .map(document -> new DeleteOneModel<BsonDocument>(unchanged(document, key)))
                        .toList()))
                .invoke(result -> progress.deleted(result.getDeletedCount()))
                .replaceWithVoid();
    }

    private static Bson unchanged(BsonDocument document, RequiredKey key) {
        BsonValue was = document.get(key.field());
        Bson guard = was == null
                ? Filters.exists(key.field(), false)
                : Filters.and(Filters.exists(key.field()), Filters.eq(key.field(), was));
        return Filters.and(Filters.eq("_id", document.get("_id")), guard);
    }

    private void export(List<BsonDocument> batch) {
        Path to = file.orElseThrow();
        StringBuilder lines = new StringBuilder();
        batch.forEach(document -> lines.append(ExtendedJson.of(document)).append('\n'));
        try (FileChannel channel =
                FileChannel.open(to, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            ByteBuffer bytes = ByteBuffer.wrap(lines.toString().getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException("Nothing more was deleted, since " + to + " cannot be written", e);
        }
    }
}
