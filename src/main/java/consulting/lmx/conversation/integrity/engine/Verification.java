package consulting.lmx.conversation.integrity.engine;

import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.IntegrityReport.IndexReport;
import consulting.lmx.conversation.integrity.engine.IntegrityReport.KeyReport;
import consulting.lmx.conversation.integrity.engine.index.Capabilities;
import consulting.lmx.conversation.integrity.engine.index.CollectionValidator;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe;
import consulting.lmx.conversation.integrity.engine.index.IndexProbe.Verdict;
import consulting.lmx.conversation.integrity.engine.index.TtlIndex;
import consulting.lmx.conversation.integrity.engine.index.UniqueIndexes;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.repair.Backfill;
import consulting.lmx.conversation.integrity.engine.repair.DuplicateRepair;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.bson.BsonDocument;

/** Finds out whether the invariant holds, and writes nothing. It reads all documents only if the indexes do not answer. */
record Verification(
        MongoCollection<BsonDocument> collection,
        Invariant invariant,
        RunProgress progress,
        Capabilities capabilities,
        UniqueIndexes indexes,
        IndexProbe probe,
        TtlIndex ttlIndex,
        CollectionValidator validator,
        Backfill backfill,
        DuplicateRepair duplicates) {

    /** What the index of the key shows; {@code BROKEN} if there is no index. */
    Uni<Verdict> ask(RequiredKey key) {
        return indexes.indexesOf(key)
                .chain(all -> all.stream()
                        .filter(index -> index.serves(key.field()))
                        .findFirst()
                        .map(index -> probe.ask(key, index))
                        .orElse(Uni.createFrom().item(Verdict.BROKEN)))
                .invoke(verdict -> {
                    if (verdict == Verdict.NOT_UNIQUE) {
                        indexes.cannotEnforce(key);
                    }
                });
    }

    /** Whether every key's verdict is one of {@code accepted}. */
    Uni<Boolean> allAre(Set<Verdict> accepted) {
        return Multi.createFrom()
                .iterable(invariant.keys())
                .onItem()
                .transformToUniAndConcatenate(this::ask)
                .collect()
                .asList()
                .map(accepted::containsAll);
    }

    /** The report, after counting what is broken if the indexes do not show that nothing is. */
    Uni<IntegrityReport> count() {
        long[] left = new long[2];
        return eachKey(key -> ask(key).chain(verdict ->
                        verdict == Verdict.SOUND ? Uni.createFrom().voidItem() : count(key, left)))
                .chain(() -> report(left[0], left[1]));
    }

    private Uni<Void> count(RequiredKey key, long[] left) {
        return Publishers.one(collection.estimatedDocumentCount())
                .invoke(n -> progress.scanned(n))
                .chain(() -> backfill.count(key, progress))
                .invoke(broken -> left[0] += broken)
                .chain(() -> duplicates.count(key, progress))
                .invoke(n -> left[1] += n)
                .replaceWithVoid();
    }

    /** The report, with these numbers of broken keys and of duplicates. */
    Uni<IntegrityReport> report(long left, long duplicatesLeft) {
        List<IndexReport> found = new ArrayList<>();
        return eachKey(key -> indexes.indexesOf(key)
                        .invoke(all ->
                                all.forEach(index -> found.add(IndexReport.of(index, index.serves(key.field())))))
                        .replaceWithVoid())
                .chain(ttlIndex::list)
                .invoke(all -> all.stream()
                        .filter(index -> invariant.keys().stream().noneMatch(key -> index.isOnlyOn(key.field())))
                        .forEach(index ->
                                found.add(IndexReport.of(index, invariant.ttl().matches(index)))))
                .chain(validator::read)
                .map(level -> report(found, level, left, duplicatesLeft));
    }

    private IntegrityReport report(List<IndexReport> found, String level, long left, long duplicatesLeft) {
        Map<String, KeyReport> others = new LinkedHashMap<>();
        invariant
                .keys()
                .forEach(key -> others.put(
                        key.field(),
                        new KeyReport(
                                progress.counts(key).brokenByWord(),
                                progress.counts(key).totalHealed())));
        KeyReport first = others.remove(invariant.keys().get(0).field());
        return new IntegrityReport(
                progress.scanned(),
                first.broken(),
                others,
                first.healed(),
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

    /** @throws IntegrityException with {@code remedy} if the invariant does not hold */
    void requireHolds(IntegrityReport report, String remedy) {
        boolean onlyTooLarge = report.left() + report.duplicatesLeft() <= progress.notRepaired()
                && report.missingIndexes(invariant).isEmpty();
        if (!report.holds(invariant) && !onlyTooLarge) {
            throw new IntegrityException("The invariant does not hold: " + report.left() + " broken, "
                    + report.duplicatesLeft() + " duplicates, indexes " + report.indexes() + ". " + remedy);
        }
    }

    /** Runs {@code step} for one key after the other. */
    Uni<Void> eachKey(Function<RequiredKey, Uni<Void>> step) {
        return Multi.createFrom()
                .iterable(invariant.keys())
                .onItem()
                .transformToUniAndConcatenate(step::apply)
                .collect()
                .last();
    }
}
