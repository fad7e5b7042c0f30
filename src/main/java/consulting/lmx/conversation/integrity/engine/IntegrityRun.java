package consulting.lmx.conversation.integrity.engine;

import com.mongodb.client.model.CountOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.IntegrityReport.IndexReport;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.index.CollectionInfo;
import consulting.lmx.conversation.integrity.engine.index.CollectionValidator;
import consulting.lmx.conversation.integrity.engine.index.CollectionValidator.Level;
import consulting.lmx.conversation.integrity.engine.index.IndexCommands;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe.Verdict;
import consulting.lmx.conversation.integrity.engine.index.ListIndexes;
import consulting.lmx.conversation.integrity.engine.index.SymbolIndexes;
import consulting.lmx.conversation.integrity.engine.index.TtlIndex;
import consulting.lmx.conversation.integrity.engine.index.UniqueIndexes;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.repair.Backfill;
import consulting.lmx.conversation.integrity.engine.repair.BrokenDeletion;
import consulting.lmx.conversation.integrity.engine.repair.DuplicateRepair;
import consulting.lmx.conversation.integrity.engine.repair.RateLimiter;
import consulting.lmx.conversation.integrity.engine.repair.RepairWriter;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.jboss.logging.Logger;

/**
 * One run over a collection: the order of the steps, and nothing else. Each step is idempotent, so that a run may end at
 * any moment and the next one goes on. A failed {@link Uni} carries an {@link IntegrityException} where a person has to act,
 * else the driver's own exception.
 */
public final class IntegrityRun {

    private static final Logger LOG = Logger.getLogger(IntegrityRun.class);

    private static final CountOptions SIMPLE = new CountOptions().collation(Collations.SIMPLE);

    private static final Duration COUNTED_AFTER = Duration.ofSeconds(5);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final Invariant invariant;
    private final HealSettings settings;
    private final RunProgress progress;
    private final Capabilities capabilities;
    private final CollectionValidator validator;
    private final Backfill backfill;
    private final DuplicateRepair duplicates;
    private final UniqueIndexes indexes;
    private final IndexProbe probe;
    private final ListIndexes orders;
    private final SymbolIndexes symbols;
    private final TtlIndex expiry;
    private final BrokenDeletion deletion;
    private final Lease lease;
    private final RunHistory journal;

    public IntegrityRun(
            MongoDatabase database,
            Invariant invariant,
            HealSettings settings,
            RunProgress progress,
            Capabilities capabilities,
            InstantSource clock) {
        this.database = database;
        this.collection = database.getCollection(invariant.collection(), BsonDocument.class);
        this.invariant = invariant;
        this.settings = settings;
        this.progress = progress;
        this.capabilities = capabilities;
        RateLimiter pace = new RateLimiter(settings.maxRate(), System::nanoTime);
        RepairWriter repairer = new RepairWriter(collection, invariant.updatedField(), clock, pace);
        IndexCommands commands = new IndexCommands(database, collection);
        this.validator =
                new CollectionValidator(database, invariant, settings.force(), settings.leavesUnset(), capabilities);
        this.backfill = new Backfill(collection, repairer, settings.batchSize());
        this.deletion = new BrokenDeletion(database, invariant, settings, pace);
        this.duplicates = new DuplicateRepair(collection, repairer, invariant.createdField(), settings.batchSize());
        this.indexes = new UniqueIndexes(database, commands, duplicates, capabilities);
        this.orders = new ListIndexes(commands, invariant.orders(), capabilities);
        this.symbols = new SymbolIndexes(commands, invariant.keys(), capabilities);
        this.expiry = new TtlIndex(database, commands, invariant.expiry(), settings.leavesUnset(), capabilities);
        this.probe = new IndexProbe(database, collection, symbols);
        this.lease = new Lease(database, invariant.collection(), Host.NAME, progress);
        this.journal = new RunHistory(database, Host.NAME, clock);
    }

    /**
     * Heals what is broken and proves it; fails where the invariant does not hold at the end. Where everything is sound
     * already, that is found by reading indexes, and nothing is written. Where another process is healing, it is waited for.
     */
    public Uni<IntegrityReport> heal() {
        return heal(EnumSet.of(Verdict.SOUND));
    }

    /**
     * The same before the traffic. Where no index can hold a key unique, duplicates are not looked for on that account alone:
     * it would take the longer the larger the collection is, and at the next start again.
     */
    public Uni<IntegrityReport> start() {
        return heal(EnumSet.of(Verdict.SOUND, Verdict.NOT_UNIQUE));
    }

    private Uni<IntegrityReport> heal(Set<Verdict> enough) {
        return step("connect", this::connect)
                .chain(() -> ifSound(enough))
                .chain(sound -> sound.isPresent() && !settings.recreateIndex()
                        ? Uni.createFrom().item(sound.get())
                        : lease.acquire()
                                .chain(fence -> fence.isPresent()
                                        ? lease.holdWhile(fence.get(), this::repairAndRecord)
                                        : lease.untilFree().chain(() -> heal(enough))));
    }

    /** The report, where nothing is to be done. */
    private Uni<Optional<IntegrityReport>> ifSound(Set<Verdict> enough) {
        return step(
                "check",
                () -> asWanted()
                        .call(asWanted ->
                                asWanted ? symbols.ensure() : Uni.createFrom().voidItem())
                        .chain(asWanted -> asWanted
                                ? allSound(enough)
                                        .chain(sound ->
                                                sound ? describe(new long[2]).map(Optional::of) : nothing())
                                : nothing()));
    }

    /** One after the other: where there is no ordinary collection yet, no index of it is asked for. */
    private Uni<Boolean> asWanted() {
        return validator
                .isAsWanted()
                .chain(wanted -> wanted ? orders.stand() : Uni.createFrom().item(false))
                .chain(wanted -> wanted ? expiry.isAsWanted() : Uni.createFrom().item(false));
    }

    private static Uni<Optional<IntegrityReport>> nothing() {
        return Uni.createFrom().item(Optional.empty());
    }

    private Uni<Boolean> allSound(Set<Verdict> enough) {
        return Multi.createFrom()
                .iterable(invariant.keys())
                .onItem()
                .transformToUniAndConcatenate(this::ask)
                .collect()
                .asList()
                .map(enough::containsAll);
    }

    private Uni<IntegrityReport> repairAndRecord() {
        return journal.begin(progress)
                .chain(() -> repair())
                .call(report -> documentsHealed().chain(n -> journal.end(progress, n, RunHistory.Outcome.VERIFIED)))
                .onFailure()
                .call(failure -> journal.end(progress, progress.totalHealed(), RunHistory.Outcome.FAILED));
    }

    private Uni<IntegrityReport> repair() {
        return step(
                        "validator",
                        () -> CollectionInfo.ensure(database, invariant.collection())
                                .chain(() -> validator.apply(Level.MODERATE)))
                .chain(() -> step("symbols", symbols::ensure))
                .chain(() -> eachKey(this::repair))
                .chain(() -> step("order", orders::ensure))
                .chain(() -> step("expiry", expiry::ensure))
                .chain(() -> step("validator", () -> validator.apply(lastLevel())))
                .chain(() -> step("verification", this::report))
                .invoke(report -> requireHolds(
                        report,
                        "Something writes broken documents while they are healed:"
                                + " stop the old writers, or set conversations.integrity.validator=enforce"));
    }

    /** A document that stays broken could not be made smaller if every write of it had to be sound. */
    private Level lastLevel() {
        return progress.notRepaired() > 0 ? Level.MODERATE : Level.STRICT;
    }

    /** Looks, and writes nothing. */
    public Uni<IntegrityReport> look() {
        return step("connect", this::connect)
                .chain(() -> CollectionInfo.read(database, invariant.collection()))
                .invoke(info -> info.requireOrdinary(invariant.collection()))
                .chain(() -> step("verification", this::report));
    }

    /** Looks, and writes nothing; fails where the invariant does not hold. */
    public Uni<IntegrityReport> verify() {
        return look().invoke(report -> requireHolds(
                report, "Nothing was written: start with conversations.integrity.on-start=repair to heal it"));
    }

    private Uni<Void> connect() {
        return Publishers.one(database.runCommand(new BsonDocument("ping", new BsonInt32(1))))
                .replaceWithVoid();
    }

    private Uni<Void> repair(RequiredKey key) {
        return ask(key).chain(verdict -> {
            if (verdict == Verdict.SOUND && !settings.recreateIndex()) {
                return Uni.createFrom().voidItem();
            }
            boolean anew = settings.recreateIndex() || verdict == Verdict.SAW_ARRAYS;
            return step(
                            "backfill " + key.field(),
                            () -> deletion.run(key, progress).chain(() -> backfill(key)))
                    .chain(() -> step("index " + key.field(), () -> indexes.ensure(key, anew, progress)));
        });
    }

    /** A heal that takes longer is counted beside, so that what remains can be told; a short one is done by then. */
    private Uni<Void> backfill(RequiredKey key) {
        Uni<Void> count = Uni.createFrom()
                .voidItem()
                .onItem()
                .delayIt()
                .by(COUNTED_AFTER)
                .chain(() -> Publishers.one(collection.countDocuments(Defect.filter(key.field()), SIMPLE)))
                .invoke(left -> progress.expectMore(left))
                .onItem()
                .transformToUni(counted -> Uni.createFrom().nothing());
        return Publishers.one(collection.estimatedDocumentCount())
                .invoke(n -> progress.scanned(n))
                .chain(() -> Uni.combine().any().<Void>of(backfill.run(key, progress), count))
                .invoke(() -> progress.expectMore(0));
    }

    /** What the index that serves says of the key; {@code BROKEN} where there is none. */
    private Uni<Verdict> ask(RequiredKey key) {
        return indexes.indexesOf(key)
                .chain(all -> all.stream()
                        .filter(index -> index.serves(key.field()))
                        .findFirst()
                        .map(index -> probe.ask(key, index))
                        .orElse(Uni.createFrom().item(Verdict.BROKEN)))
                .invoke(verdict -> {
                    if (verdict == Verdict.NOT_UNIQUE) {
                        indexes.cannotHold(key);
                    }
                });
    }

    /** The number of documents that this run has changed: one in which two keys were healed is one. */
    private Uni<Long> documentsHealed() {
        long keys = progress.totalHealed();
        boolean several = invariant.keys().stream()
                        .filter(key -> progress.of(key).totalHealed() > 0)
                        .count()
                > 1;
        return several
                ? Publishers.one(collection.countDocuments(healedInSeveral(), SIMPLE))
                        .map(twice -> keys - twice)
                : Uni.createFrom().item(keys);
    }

    private BsonDocument healedInSeveral() {
        BsonDocument filter = new BsonDocument();
        invariant.keys().forEach(key -> filter.append(key.repairField() + ".run", new BsonString(progress.run())));
        return filter;
    }

    private Uni<IntegrityReport> report() {
        long[] left = new long[2];
        return eachKey(key -> ask(key).chain(verdict ->
                        verdict == Verdict.SOUND ? Uni.createFrom().voidItem() : countLeft(key, left)))
                .chain(() -> describe(left));
    }

    /** The report, with what is left as it was found: broken ones and duplicates. */
    private Uni<IntegrityReport> describe(long[] left) {
        List<IndexReport> found = new ArrayList<>();
        return eachKey(key -> indexes.indexesOf(key)
                        .invoke(all ->
                                all.forEach(index -> found.add(IndexReport.of(index, index.serves(key.field())))))
                        .replaceWithVoid())
                .chain(expiry::read)
                .invoke(all -> all.stream()
                        .filter(index -> invariant.keys().stream().noneMatch(key -> index.isOf(key.field())))
                        .forEach(index -> found.add(
                                IndexReport.of(index, invariant.expiry().isCarriedBy(index)))))
                .chain(validator::read)
                .map(level -> report(found, level, left[0], left[1]));
    }

    /** By looking at all documents: only where the index does not vouch for them. */
    private Uni<Void> countLeft(RequiredKey key, long[] left) {
        return Publishers.one(collection.estimatedDocumentCount())
                .invoke(n -> progress.scanned(n))
                .chain(() -> backfill.look(key, progress))
                .invoke(broken -> left[0] += broken)
                .chain(() -> duplicates.look(key, progress))
                .invoke(n -> left[1] += n)
                .replaceWithVoid();
    }

    private IntegrityReport report(List<IndexReport> found, String level, long left, long duplicatesLeft) {
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
                progress.deleted(),
                left,
                duplicatesLeft,
                found,
                level,
                progress.seconds(),
                progress.run(),
                capabilities.missing(),
                progress.exceptions());
    }

    private void requireHolds(IntegrityReport report, String remedy) {
        if (!capabilities.denied().isEmpty()) {
            throw new IntegrityException(
                    "The documents are healed, but the user of the connection lacks the privileges "
                            + capabilities.denied()
                            + ": grant them (the role dbAdmin of this database has them) and run it again");
        }
        boolean onlyTooLarge =
                report.left() + report.duplicatesLeft() <= progress.notRepaired() && report.indexed(invariant);
        if (!report.holds(invariant) && !onlyTooLarge) {
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
