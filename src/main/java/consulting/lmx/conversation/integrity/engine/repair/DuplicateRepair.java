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
 * Lets the oldest document keep a key that several have, and gives the others new ones. The server groups (and spills to
 * its disk); here, the documents of some groups at a time are walked once, with the oldest seen so far remembered, so that
 * a value that a million documents share needs no more memory than one that two share.
 */
public final class DuplicateRepair {

    private static final Logger LOG = Logger.getLogger(DuplicateRepair.class);
    private static final int GROUPS_AT_A_TIME = 200;
    private static final int LONG = 1_000;

    private final MongoCollection<BsonDocument> collection;
    private final RepairWriter repairer;
    private final String createdField;
    private final int batchSize;

    public DuplicateRepair(
            MongoCollection<BsonDocument> collection, RepairWriter repairer, String createdField, int batchSize) {
        this.collection = collection;
        this.repairer = repairer;
        this.createdField = createdField;
        this.batchSize = batchSize;
    }

    /** {@code prepare} is done before the first repair, and only where there is one. */
    public Uni<Void> run(RequiredKey key, RunProgress progress, Uni<Void> prepare) {
        progress.scanning();
        Uni<Void> prepared = prepare.memoize().indefinitely();
        return groups(key)
                .map(group -> group.get("_id"))
                .filter(BsonValue::isString) // an array of strings is a group too
                .select()
                .first(value -> !progress.stopping())
                .plug(DuplicateRepair::inPortions)
                .onItem()
                .transformToUniAndConcatenate(values -> prepared.chain(() -> repair(values, key, progress)))
                .collect()
                .last()
                .invoke(progress::requireGoingOn)
                .invoke(() -> LOG.infof(
                        "event=duplicates run=%s field=%s healed=%d",
                        progress.run(),
                        key.field(),
                        progress.of(key).healedByWord().get(Defect.DUPLICATE.word())));
    }

    /** How many documents share their key with an older one; they are noted as found. */
    public Uni<Long> look(RequiredKey key, RunProgress progress) {
        return groups(key)
                .map(group -> group.getNumber("n").longValue() - 1)
                .collect()
                .with(Collectors.summingLong(Long::longValue))
                .invoke(n -> progress.of(key).found(Defect.DUPLICATE, n));
    }

    /** Lists of short values, and each long one by itself: it is part of a command, and of each document that is found. */
    private static Multi<List<BsonValue>> inPortions(Multi<BsonValue> values) {
        List<BsonValue> open = new ArrayList<>();
        return values.onItem()
                .transformToMultiAndConcatenate(value -> {
                    if (isLong(value)) {
                        return Multi.createFrom().item(List.of(value));
                    }
                    open.add(value);
                    return open.size() < GROUPS_AT_A_TIME
                            ? Multi.createFrom().empty()
                            : Multi.createFrom().item(taken(open));
                })
                .onCompletion()
                .continueWith(() -> open.isEmpty() ? List.of() : List.of(taken(open)));
    }

    private static List<BsonValue> taken(List<BsonValue> open) {
        List<BsonValue> portion = List.copyOf(open);
        open.clear();
        return portion;
    }

    private static boolean isLong(BsonValue value) {
        return value.asString().getValue().length() > LONG;
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
                .invoke(repair -> progress.of(key).found(Defect.DUPLICATE, 1))
                .group()
                .intoLists()
                .of(batch)
                .onItem()
                .transformToUniAndConcatenate(repairs -> repairer.repair(repairs, key, progress))
                .collect()
                .last();
    }

    /** The repair of the younger of this document and the oldest seen so far with its key; empty for the first. */
    private Optional<Repair> younger(BsonDocument document, RequiredKey key, Map<BsonValue, Age> oldest) {
        BsonValue value = document.get(key.field());
        if (value == null || !value.isString()) {
            return Optional.empty();
        }
        Age age = Age.of(document, createdField);
        Age best = oldest.get(value);
        if (best == null) {
            oldest.put(value, age);
            return Optional.empty();
        }
        Age loser = age;
        if (age.compareTo(best) < 0) {
            oldest.put(value, age);
            loser = best;
        }
        return Optional.of(
                new Repair(loser.id(), value, Defect.DUPLICATE, key.maker().get()));
    }
}
