package consulting.lmx.conversation.integrity.engine;

import com.mongodb.client.model.CountOptions;
import com.mongodb.client.model.ValidationLevel;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.index.CollectionInfo;
import consulting.lmx.conversation.integrity.engine.index.CollectionValidator;
import consulting.lmx.conversation.integrity.engine.index.IndexCommands;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe.Verdict;
import consulting.lmx.conversation.integrity.engine.index.SecondaryIndexes;
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
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.jboss.logging.Logger;

/**
 * One run over a collection: the order of the steps. Each step is idempotent, so a run may end at any moment and the next one
 * continues. A failed {@link Uni} carries an {@link IntegrityException} if an operator has to act, otherwise the driver's
 * exception.
 */
public final class IntegrityRun {

    private static final Logger LOG = Logger.getLogger(IntegrityRun.class);

    private static final CountOptions SIMPLE = new CountOptions().collation(Collations.SIMPLE);

    /** A short heal ends before the remaining documents are counted. */
    private static final Duration COUNT_AFTER = Duration.ofSeconds(5);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final Invariant invariant;
    private final HealSettings settings;
    private final RunProgress progress;
    private final CollectionValidator validator;
    private final Backfill backfill;
    private final UniqueIndexes uniqueIndexes;
    private final SecondaryIndexes secondaryIndexes;
    private final TtlIndex ttlIndex;
    private final BrokenDeletion deletion;
    private final Verification verification;
    private final Lease lease;

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
        RateLimiter rateLimiter = new RateLimiter(settings.maxRate(), System::nanoTime);
        RepairWriter writer = new RepairWriter(collection, invariant.updatedField(), clock, rateLimiter);
        IndexCommands commands = new IndexCommands(database, collection);
        this.validator = new CollectionValidator(
                database, invariant, settings.validatorMode(), settings.keepUnset(), capabilities);
        this.backfill = new Backfill(collection, writer, settings.batchSize());
        this.deletion = new BrokenDeletion(database, invariant, settings, rateLimiter);
        DuplicateRepair duplicates =
                new DuplicateRepair(collection, writer, invariant.createdField(), settings.batchSize());
        this.uniqueIndexes = new UniqueIndexes(commands, duplicates, capabilities);
        this.secondaryIndexes = new SecondaryIndexes(commands, invariant, capabilities);
        this.ttlIndex = new TtlIndex(commands, invariant.ttl(), settings.keepUnset(), capabilities);
        this.verification = new Verification(
                collection,
                invariant,
                progress,
                capabilities,
                uniqueIndexes,
                new IndexProbe(database, collection, secondaryIndexes),
                ttlIndex,
                validator,
                backfill,
                duplicates);
        this.lease = new Lease(database, invariant.collection(), progress);
    }

    /**
     * Heals what is broken and verifies the result. Fails if the invariant does not hold at the end. If everything is
     * valid already, the run finds that out from the indexes. If another process is healing, the run waits for it.
     */
    public Uni<IntegrityReport> heal() {
        return heal(EnumSet.of(Verdict.SOUND));
    }

    /**
     * Does the same before the service opens. If no index can enforce uniqueness, the run does not look for duplicates for
     * that reason alone: the search would read the whole collection at every start.
     */
    public Uni<IntegrityReport> start() {
        return heal(EnumSet.of(Verdict.SOUND, Verdict.NOT_UNIQUE));
    }

    private Uni<IntegrityReport> heal(Set<Verdict> accepted) {
        return step("connect", this::connect)
                .chain(() -> step("check", () -> checkIndexes(accepted)))
                .chain(report -> report.isPresent() && !settings.recreateIndex()
                        ? Uni.createFrom().item(report.get())
                        : lease.acquire()
                                .chain(taken -> taken
                                        ? lease.holdWhile(this::repair)
                                        : lease.untilFree().chain(() -> heal(accepted))));
    }

    /** The report, if nothing has to be healed. The steps run in sequence, because the collection may not exist yet. */
    private Uni<Optional<IntegrityReport>> checkIndexes(Set<Verdict> accepted) {
        return validator
                .isAsWanted()
                .chain(asWanted ->
                        asWanted ? ttlIndex.isAsWanted() : Uni.createFrom().item(false))
                .chain(asWanted -> asWanted
                        ? secondaryIndexes
                                .ensureSymbolIndexes()
                                .chain(secondaryIndexes::ensureListIndexes)
                                .chain(() -> verification.allAre(accepted))
                        : Uni.createFrom().item(false))
                .chain(sound -> sound
                        ? verification.report(0, 0).map(Optional::of)
                        : Uni.createFrom().item(Optional.empty()));
    }

    /** The list indexes come after the backfill, which would be slower with them. */
    private Uni<IntegrityReport> repair() {
        return step(
                        "validator",
                        () -> CollectionInfo.ensure(database, invariant.collection())
                                .chain(() -> validator.apply(ValidationLevel.MODERATE)))
                .chain(() -> step("symbol indexes", secondaryIndexes::ensureSymbolIndexes))
                .chain(() -> verification.eachKey(this::repair))
                .chain(() -> step("list indexes", secondaryIndexes::ensureListIndexes))
                .chain(() -> step("ttl index", ttlIndex::ensure))
                .chain(() -> step("validator", () -> validator.apply(finalLevel())))
                .chain(() -> step("verification", verification::count))
                .invoke(report -> verification.requireHolds(
                        report,
                        "Another program writes broken documents during the heal:"
                                + " stop the old writers, or set conversations.integrity.validator=enforce"));
    }

    /** At the level strict, no write could make a document smaller that is still broken. */
    private ValidationLevel finalLevel() {
        return progress.notRepaired() > 0 ? ValidationLevel.MODERATE : ValidationLevel.STRICT;
    }

    /** Counts what a heal would find, and writes nothing. */
    public Uni<IntegrityReport> dryRun() {
        return step("connect", this::connect)
                .chain(() -> CollectionInfo.read(database, invariant.collection()))
                .invoke(info -> info.requireOrdinary(invariant.collection()))
                .chain(() -> step("verification", verification::count));
    }

    /** Does a dry run, and fails if the invariant does not hold. */
    public Uni<IntegrityReport> verify() {
        return dryRun().invoke(report -> verification.requireHolds(
                report, "Nothing was written: start with conversations.integrity.on-start=repair to heal it"));
    }

    private Uni<Void> connect() {
        return Publishers.one(database.runCommand(new BsonDocument("ping", new BsonInt32(1))))
                .replaceWithVoid();
    }

    private Uni<Void> repair(RequiredKey key) {
        return verification.ask(key).chain(verdict -> {
            if (verdict == Verdict.SOUND && !settings.recreateIndex()) {
                return Uni.createFrom().voidItem();
            }
            boolean recreate = settings.recreateIndex() || verdict == Verdict.SAW_ARRAYS;
            return step(
                            "backfill " + key.field(),
                            () -> deletion.run(key, progress).chain(() -> backfill(key)))
                    .chain(() -> step("index " + key.field(), () -> uniqueIndexes.ensure(key, recreate, progress)));
        });
    }

    /** Counts what remains while the backfill runs, unless the backfill ends first. */
    private Uni<Void> backfill(RequiredKey key) {
        Uni<Void> count = Uni.createFrom()
                .voidItem()
                .onItem()
                .delayIt()
                .by(COUNT_AFTER)
                .chain(() -> Publishers.one(collection.countDocuments(Defect.filter(key.field()), SIMPLE)))
                .invoke(broken -> progress.countedBroken(broken))
                .onItem()
                .transformToUni(counted -> Uni.createFrom().nothing());
        return Publishers.one(collection.estimatedDocumentCount())
                .invoke(n -> progress.scanned(n))
                .chain(() -> Uni.combine().any().<Void>of(backfill.run(key, progress), count))
                .invoke(() -> progress.countedBroken(0));
    }

    private <T> Uni<T> step(String name, Supplier<Uni<T>> work) {
        return Uni.createFrom().deferred(() -> {
            progress.step(name);
            LOG.infof("event=step run=%s step=\"%s\"", progress.run(), name);
            return work.get();
        });
    }
}
