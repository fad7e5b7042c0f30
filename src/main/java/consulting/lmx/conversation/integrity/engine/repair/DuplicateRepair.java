package consulting.lmx.conversation.integrity.engine.repair;

import static com.mongodb.client.model.Accumulators.sum;
import static com.mongodb.client.model.Aggregates.group;
import static com.mongodb.client.model.Aggregates.match;
import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.gt;
import static com.mongodb.client.model.Filters.in;
import static com.mongodb.client.model.Filters.regex;
import static com.mongodb.client.model.Filters.type;
import static com.mongodb.client.model.Projections.include;

import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/**
 * Of the documents that share a key, the oldest keeps it and the others get new values. The server finds the shared values,
 * on disk if necessary. This class reads the documents of some values at a time and remembers only the oldest of each, so
 * a value that a million documents share needs no more memory than one that two share.
 */
public final class DuplicateRepair {

    private static final Logger LOG = Logger.getLogger(DuplicateRepair.class);
    private static final int VALUES_AT_A_TIME = 200;
    private static final int LONG_VALUE = 1_000;

    private final MongoCollection<BsonDocument> collection;
    private final RepairWriter writer;
    private final String createdField;
    private final int batchSize;

    public DuplicateRepair(
            MongoCollection<BsonDocument> collection, RepairWriter writer, String createdField, int batchSize) {
        this.collection = collection;
        this.writer = writer;
        this.createdField = createdField;
        this.batchSize = batchSize;
    }

    /** @param prepare runs once before the first repair, and not at all if there are no duplicates */
    public Uni<Void> run(RequiredKey key, RunProgress progress, Uni<Void> prepare) {
        progress.scanning();
        Uni<Void> prepared = prepare.memoize().indefinitely();
        return groups(key)
                .map(group -> group.get("_id"))
                .filter(BsonValue::isString) // the server groups arrays of strings too
                .plug(DuplicateRepair::inPortions)
                .onItem()
                .transformToUniAndConcatenate(values -> prepared.chain(() -> repair(values, key, progress)))
                .collect()
                .last()
                .invoke(() -> LOG.infof(
                        "event=duplicates run=%s field=%s healed=%d",
                        progress.run(),
                        key.field(),
                        progress.counts(key).healedByWord().get(Defect.DUPLICATE.word())));
    }

    /** Counts the documents that share their key with an older one, and writes nothing. */
    public Uni<Long> count(RequiredKey key, RunProgress progress) {
        return groups(key)
                .map(group -> group.getNumber("n").longValue() - 1)
                .collect()
                .with(Collectors.summingLong(Long::longValue))
                .invoke(n -> progress.counts(key).found(Defect.DUPLICATE, n));
    }

    /** Lists of short values, and a list for each long value: it is part of a command and of each document found. */
    private static Multi<List<BsonValue>> inPortions(Multi<BsonValue> values) {
        List<BsonValue> open = new ArrayList<>();
        return values.onItem()
                .transformToMultiAndConcatenate(value -> {
                    if (isLong(value)) {
                        return Multi.createFrom().item(List.of(value));
                    }
                    open.add(value);
                    return open.size() < VALUES_AT_A_TIME
                            ? Multi.createFrom().empty()
                            : Multi.createFrom().item(take(open));
                })
                .onCompletion()
                .continueWith(() -> open.isEmpty() ? List.of() : List.of(take(open)));
    }

    private static List<BsonValue> take(List<BsonValue> open) {
        List<BsonValue> portion = List.copyOf(open);
        open.clear();
        return portion;
    }

    private static boolean isLong(BsonValue value) {
        return value.asString().getValue().length() > LONG_VALUE;
    }

    private Multi<BsonDocument> groups(RequiredKey key) {
        return Publishers.many(collection
                .aggregate(
                        List.of(
                                match(and(type(key.field(), BsonType.STRING), regex(key.field(), Text.NOT_BLANK))),
                                group("$" + key.field(), sum("n", 1)),
                                match(gt("n", 1))),
                        BsonDocument.class)
                .collation(Collations.SIMPLE)
                .allowDiskUse(true));
    }

    private Uni<Void> repair(List<BsonValue> values, RequiredKey key, RunProgress progress) {
        Map<BsonValue, Age> oldest = new HashMap<>();
        int batch = isLong(values.get(0)) ? 1 : batchSize;
        return Publishers.many(collection
                        .find(in(key.field(), values))
                        .collation(Collations.SIMPLE)
                        .projection(include(key.field(), createdField))
                        .batchSize(batch))
                .map(document -> younger(document, key, oldest))
                .filter(Optional::isPresent)
                .map(Optional::get)
                .invoke(repair -> progress.counts(key).found(Defect.DUPLICATE, 1))
                .group()
                .intoLists()
                .of(batch)
                .onItem()
                .transformToUniAndConcatenate(repairs -> writer.repair(repairs, key, progress))
                .collect()
                .last();
    }

    /** The repair of the younger of this document and the oldest one read so far; empty for the first. */
    private Optional<Repair> younger(BsonDocument document, RequiredKey key, Map<BsonValue, Age> oldest) {
        BsonValue value = document.get(key.field());
        if (value == null || !value.isString()) {
            return Optional.empty();
        }
        Age age = Age.of(document, createdField);
        Age best = oldest.get(value);
        if (best == null || age.compareTo(best) < 0) {
            oldest.put(value, age);
        }
        return Optional.ofNullable(best)
                .map(other -> new Repair(
                        (age.compareTo(other) < 0 ? other : age).id(),
                        value,
                        Defect.DUPLICATE,
                        key.generator().get()));
    }
}
