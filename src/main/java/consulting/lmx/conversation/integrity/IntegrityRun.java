package consulting.lmx.conversation.integrity;

import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.CollectionValidator.Level;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.jboss.logging.Logger;

/**
 * One run over a collection: the order of the steps, and nothing else. Each step is idempotent, so that a run may end at
 * any moment and the next one goes on. A failed {@link Uni} carries an {@link IntegrityException} where a person has to act,
 * else the driver's own exception.
 */
final class IntegrityRun {

    private static final Logger LOG = Logger.getLogger(IntegrityRun.class);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final Invariant invariant;
    private final RunProgress progress;
    private final Capabilities capabilities;
    private final CollectionValidator validator;
    private final Backfill backfill;
    private final DuplicateRepair duplicates;
    private final UniqueIndexes indexes;
    private final KeyProbe probe;

    IntegrityRun(
            MongoDatabase database,
            Invariant invariant,
            IntegrityConfig config,
            RunProgress progress,
            Capabilities capabilities,
            Clock clock) {
        this.database = database;
        this.collection = database.getCollection(invariant.collection(), BsonDocument.class);
        this.invariant = invariant;
        this.progress = progress;
        this.capabilities = capabilities;
        Repairer repairer = new Repairer(collection, invariant.updatedField(), clock);
        this.validator = new CollectionValidator(database, invariant, config.validator(), capabilities);
        this.backfill = new Backfill(collection, repairer, config.batchSize());
        this.duplicates = new DuplicateRepair(collection, repairer, invariant.createdField(), config.batchSize());
        this.indexes = new UniqueIndexes(database, collection, duplicates);
        this.probe = new KeyProbe(database, collection);
    }

    /** Heals what is broken and proves it; fails where the invariant does not hold at the end. */
    Uni<IntegrityReport> repair() {
        return step("connect", this::connect)
                .chain(() -> step(
                        "validator",
                        () -> CollectionInfo.ensure(database, invariant.collection())
                                .chain(() -> validator.apply(Level.MODERATE))))
                .chain(() -> eachKey(this::repair))
                .chain(() -> step("validator", () -> validator.apply(Level.STRICT)))
                .chain(() -> step("verification", this::report))
                .invoke(report -> requireHolds(
                        report,
                        "Something writes broken documents while they are healed:"
                                + " stop the old writers, or set conversations.integrity.validator=enforce"));
    }

    /** Looks, and writes nothing; fails where the invariant does not hold. */
    Uni<IntegrityReport> verify() {
        return step("connect", this::connect)
                .chain(() -> step("verification", this::report))
                .invoke(report -> requireHolds(
                        report, "Nothing was written: start with conversations.integrity.on-start=repair to heal it"));
    }

    private Uni<Void> connect() {
        return Publishers.one(database.runCommand(new BsonDocument("ping", new BsonInt32(1))))
                .replaceWithVoid();
    }

    private Uni<Void> repair(RequiredKey key) {
        return isSound(key).chain(sound -> {
            if (sound) {
                return Uni.createFrom().voidItem();
            }
            return step("backfill " + key.field(), () -> countExpected(key).chain(() -> backfill.run(key, progress)))
                    .chain(() -> step("index " + key.field(), () -> indexes.ensure(key, progress)));
        });
    }

    private Uni<Void> countExpected(RequiredKey key) {
        return Uni.combine()
                .all()
                .unis(
                        Publishers.one(collection.estimatedDocumentCount()),
                        Publishers.one(collection.countDocuments(Defect.filter(key.field()))))
                .with((documents, broken) -> {
                    progress.scanned(documents);
                    progress.expected(broken);
                    return null;
                });
    }

    /** Whether the declared index of the key stands, and says that nothing is broken. */
    private Uni<Boolean> isSound(RequiredKey key) {
        return indexes.indexesOf(key)
                .chain(all -> all.stream()
                        .filter(index -> index.isDeclared(key.field()))
                        .findFirst()
                        .map(index -> probe.isSound(key, index))
                        .orElse(Uni.createFrom().item(false)));
    }

    private Uni<IntegrityReport> report() {
        List<IntegrityReport.IndexReport> found = new ArrayList<>();
        long[] left = new long[2];
        return eachKey(key -> indexes.indexesOf(key)
                        .invoke(all -> all.forEach(index -> found.add(view(index, key))))
                        .chain(() -> isSound(key))
                        .chain(sound -> sound ? Uni.createFrom().voidItem() : countLeft(key, left)))
                .chain(validator::read)
                .map(level -> report(found, level, left[0], left[1]));
    }

    /** By looking at all documents: only where the index does not vouch for them. */
    private Uni<Void> countLeft(RequiredKey key, long[] left) {
        return backfill.look(key, progress)
                .invoke(broken -> left[0] += broken)
                .chain(() -> duplicates.count(key))
                .invoke(n -> left[1] += n)
                .replaceWithVoid();
    }

    private IntegrityReport report(
            List<IntegrityReport.IndexReport> found, String level, long left, long duplicatesLeft) {
        RequiredKey first = invariant.keys().get(0);
        Map<String, IntegrityReport.KeyReport> others = new LinkedHashMap<>();
        invariant.keys().stream()
                .skip(1)
                .forEach(key -> others.put(
                        key.field(),
                        new IntegrityReport.KeyReport(
                                progress.of(key).brokenByWord(),
                                progress.of(key).totalHealed())));
        return new IntegrityReport(
                progress.scanned(),
                progress.of(first).brokenByWord(),
                others,
                progress.of(first).totalHealed(),
                0,
                left,
                duplicatesLeft,
                found,
                level,
                progress.seconds(),
                progress.run(),
                capabilities.missing());
    }

    private static IntegrityReport.IndexReport view(IndexView index, RequiredKey key) {
        Map<String, Integer> keys = new LinkedHashMap<>();
        index.key()
                .forEach((field, direction) ->
                        keys.put(field, direction.asNumber().intValue()));
        return new IntegrityReport.IndexReport(index.name(), keys, index.isUnique(), index.isDeclared(key.field()));
    }

    private void requireHolds(IntegrityReport report, String remedy) {
        if (!report.holds(invariant)) {
            throw new IntegrityException("The invariant does not hold: " + report.left() + " broken, "
                    + report.duplicatesLeft() + " duplicates, indexes " + report.indexes() + ". " + remedy);
        }
    }

    private Uni<Void> eachKey(Function<RequiredKey, Uni<Void>> step) {
        return Multi.createFrom()
                .iterable(invariant.keys())
                .onItem()
                .transformToUniAndConcatenate(step::apply)
                .collect()
                .last();
    }

    private <T> Uni<T> step(String name, Supplier<Uni<T>> work) {
        return Uni.createFrom().deferred(() -> {
            progress.step(name);
            LOG.infof("event=step run=%s step=\"%s\"", progress.run(), name);
            return work.get();
        });
    }
}
