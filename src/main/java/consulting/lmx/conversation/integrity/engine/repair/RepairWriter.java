package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.MongoCommandException;
import com.mongodb.MongoException;
import com.mongodb.MongoWriteException;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.bson.BsonArray;
import org.bson.BsonBinary;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;

/**
 * Sends a batch of repairs at the pace that is allowed, and counts what they changed, exactly and by reason. The common ones
 * go as one update, whose pipeline finds each document's value by its {@code _id} and takes the old value out of the document
 * itself; where the server has no such updates or refuses one, and for the rest, each is an update of its own. Either way the
 * guard stands in the filter.
 */
public final class RepairWriter {

    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    /** Servers compare binaries by their length first. */
    private static final BsonBinary LONGER_THAN_A_UUID = new BsonBinary(new byte[Defect.UUID_BYTES + 1]);

    /** The defects that one update can tell apart by the type of the stored value. */
    private static final Set<Defect> TOGETHER =
            EnumSet.of(Defect.MISSING, Defect.NULL, Defect.BLANK, Defect.NOT_A_STRING);

    /** Those of them that are told by a type of their own; what has none of these is no string. */
    private static final Map<Defect, String> TYPES =
            Map.of(Defect.MISSING, "missing", Defect.NULL, "null", Defect.BLANK, "string");

    private final MongoCollection<BsonDocument> collection;
    private final String updatedField;
    private final InstantSource clock;
    private final RateLimiter pace;
    private final Uni<Boolean> takesPipelines;
    private final SingleRepairs oneByOne;

    public RepairWriter(
            MongoCollection<BsonDocument> collection, String updatedField, InstantSource clock, RateLimiter pace) {
        this.collection = collection;
        this.updatedField = updatedField;
        this.clock = clock;
        this.pace = pace;
        this.takesPipelines = takesPipelines(collection).memoize().indefinitely();
        this.oneByOne = new SingleRepairs(collection, updatedField, clock, takesPipelines);
    }

    /** Found out by asking, with an update that matches nothing. */
    private static Uni<Boolean> takesPipelines(MongoCollection<BsonDocument> collection) {
        List<Bson> pipeline =
                List.of(new BsonDocument("$set", new BsonDocument("a", BsonDocument.parse("{$literal: 1}"))));
        return Uni.createFrom()
                .deferred(() ->
                        Publishers.one(collection.updateOne(Filters.eq("_id", new BsonObjectId()), pipeline, SIMPLE)))
                .map(result -> true)
                .onFailure(failure -> failure instanceof MongoException && !DriverFailure.isUnavailable(failure))
                .recoverWithItem(false);
    }

    /** Done when every repair of the batch was acknowledged, or found to be no longer needed. */
    public Uni<Void> repair(List<Repair> batch, RequiredKey key, RunProgress progress) {
        return pace.permit(batch.size()).chain(() -> send(batch, key, progress));
    }

    private Uni<Void> send(List<Repair> batch, RequiredKey key, RunProgress progress) {
        return takesPipelines.chain(pipelines -> {
            Map<Boolean, List<Repair>> together =
                    batch.stream().collect(Collectors.partitioningBy(repair -> pipelines && goesTogether(repair)));
            return sendTogether(together.get(true), key, progress)
                    .chain(() -> sendByDefect(together.get(false), key, progress));
        });
    }

    /**
     * A short binary goes by itself, since a UUID that comes in its place becomes its own text; so does a string of the wrong
     * bytes, which its type does not tell from a blank one.
     */
    private static boolean goesTogether(Repair repair) {
        BsonValue was = repair.was();
        boolean byItself = was == StoredKey.NO_TEXT
                || was != null && was.getBsonType() == BsonType.BINARY && was != StoredKey.UNREAD_BINARY;
        return TOGETHER.contains(repair.defect()) && !byItself;
    }

    /** Each by itself. What was not read is read now, one by one: it may be large. */
    private Uni<Void> sendByDefect(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        Map<Boolean, List<Repair>> unread =
                repairs.stream().collect(Collectors.partitioningBy(repair -> StoredKey.isUnread(repair.was())));
        return oneByOne.send(unread.get(false), key, progress)
                .chain(() -> Multi.createFrom()
                        .iterable(unread.get(true))
                        .onItem()
                        .transformToUniAndConcatenate(repair -> read(repair, key)
                                .chain(now -> oneByOne.send(now.stream().toList(), key, progress)))
                        .collect()
                        .last());
    }

    /** The repair of what is there now; empty if the document is gone or sound. Raw, since it may be large. */
    private Uni<Optional<Repair>> read(Repair repair, RequiredKey key) {
        return Publishers.one(collection
                        .withDocumentClass(RawBsonDocument.class)
                        .find(Filters.eq("_id", repair.id()))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include(key.field()))
                        .first())
                .map(document -> Optional.ofNullable(document).flatMap(there -> {
                    BsonValue now = there.get(key.field());
                    return Defect.of(now).map(defect -> Repair.of(repair.id(), now, defect, key));
                }));
    }

    private static Map<Defect, List<Repair>> byDefect(List<Repair> repairs) {
        return repairs.stream().collect(Collectors.groupingBy(Repair::defect));
    }

    private Uni<Void> sendTogether(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        if (repairs.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        Map<Defect, List<Repair>> byDefect = byDefect(repairs);
        BsonDocument filter = ListedUpdate.anyOf(repairs, stillBroken(key.field(), byDefect.keySet(), repairs));
        BsonDocument set = ListedUpdate.set(key.field(), repairs, record(key, progress));
        return Publishers.one(collection.updateMany(filter, List.of(set), SIMPLE))
                .chain(result -> result.getModifiedCount() == repairs.size()
                        ? Uni.createFrom().item(counts(byDefect))
                        : healedOf(repairs, key, progress))
                .invoke(counts -> tell(counts, key, progress))
                .replaceWithVoid()
                .onFailure(RepairWriter::isRefused)
                .recoverWithUni(refused -> healedOf(repairs, key, progress)
                        .invoke(counts -> tell(counts, key, progress))
                        .chain(() -> sendByDefect(repairs, key, progress)));
    }

    /** Whether the server refuses the update, so that it may take the documents one by one. */
    private static boolean isRefused(Throwable failure) {
        return (failure instanceof MongoWriteException || failure instanceof MongoCommandException)
                && !DriverFailure.isUnavailable(failure);
    }

    private static void tell(Map<Defect, Long> healed, RequiredKey key, RunProgress progress) {
        healed.forEach((defect, n) -> progress.healed(key, defect, n));
    }

    /** Finds only what still has one of these defects. Equality with null finds a missing field too. */
    private static BsonDocument stillBroken(String field, Set<Defect> defects, List<Repair> repairs) {
        List<Bson> any = new ArrayList<>();
        any.add(Filters.eq(field, null));
        if (defects.contains(Defect.BLANK)) {
            any.add(Filters.regex(field, Text.BLANK));
        }
        if (defects.contains(Defect.NOT_A_STRING)) {
            any.add(Filters.nor(Filters.type(field, BsonType.STRING), Filters.type(field, BsonType.BINARY)));
            any.add(Filters.type(field, BsonType.ARRAY));
        }
        if (repairs.stream().anyMatch(repair -> repair.was() == StoredKey.UNREAD_BINARY)) {
            any.add(Filters.and(Filters.type(field, BsonType.BINARY), Filters.gte(field, LONGER_THAN_A_UUID)));
        }
        return (any.size() == 1 ? any.get(0) : Filters.or(any)).toBsonDocument();
    }

    /** When it was, and the record of what was there. */
    private BsonDocument record(RequiredKey key, RunProgress progress) {
        BsonString old = new BsonString("$" + key.field());
        BsonDocument type = expression("$type", old);
        BsonDateTime at = new BsonDateTime(clock.millis());
        BsonArray reasons = new BsonArray();
        TYPES.forEach((defect, of) -> reasons.add(new BsonDocument("case", expression("$eq", type, new BsonString(of)))
                .append("then", ListedUpdate.literal(defect.word()))));
        return new BsonDocument(updatedField, at)
                // by an operator, since an object by itself would be merged into what is there already
                .append(
                        key.repairField(),
                        expression(
                                "$mergeObjects",
                                new BsonDocument(
                                                "reason",
                                                expression(
                                                        "$switch",
                                                        new BsonDocument("branches", reasons)
                                                                .append(
                                                                        "default",
                                                                        new BsonString(Defect.NOT_A_STRING.word()))))
                                        .append("was", expression("$ifNull", old, new BsonString("$$REMOVE")))
                                        .append("at", at)
                                        .append("run", ListedUpdate.literal(progress.run()))));
    }

    private static BsonDocument expression(String operator, BsonValue... operands) {
        return new BsonDocument(operator, operands.length == 1 ? operands[0] : new BsonArray(List.of(operands)));
    }

    private static Map<Defect, Long> counts(Map<Defect, List<Repair>> repairs) {
        Map<Defect, Long> counts = new EnumMap<>(Defect.class);
        repairs.forEach((defect, list) -> counts.put(defect, (long) list.size()));
        return counts;
    }

    /** What this run did to these documents, by their own records: where a writer came between some of them. */
    private Uni<Map<Defect, Long>> healedOf(List<Repair> repairs, RequiredKey key, RunProgress progress) {
        BsonDocument byThisRun = new BsonDocument(key.repairField() + ".run", new BsonString(progress.run()));
        return Publishers.list(collection
                        .find(ListedUpdate.anyOf(repairs, byThisRun))
                        .collation(Collations.SIMPLE)
                        .projection(Projections.include(key.repairField() + ".reason")))
                .map(documents -> documents.stream()
                        .map(document -> document.getDocument(key.repairField())
                                .getString("reason")
                                .getValue())
                        .collect(Collectors.groupingBy(Defect::ofWord, Collectors.counting())));
    }
}
