package consulting.lmx.conversation.integrity.engine.index;

import static com.mongodb.client.model.Indexes.ascending;
import static com.mongodb.client.model.Indexes.descending;

import com.mongodb.client.model.IndexOptions;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.repair.DuplicateRepair;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.function.Predicate;
import org.bson.BsonBoolean;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Creates the unique index of a key, or converts an existing index, compared by key and options whatever its name. The
 * server builds indexes online. A new index is built before the old one is dropped: beside it if the server allows two
 * indexes of one key, otherwise a temporary unique index in the other direction enforces uniqueness meanwhile.
 */
public final class UniqueIndexes {

    private static final Logger LOG = Logger.getLogger(UniqueIndexes.class);
    private static final String TEMPORARY = "_in_between";

    private static final int RETRIES = 4;
    private static final int CANNOT_CONVERT = 359;
    private static final int[] UNKNOWN_OPTION = {9, 72, 40415};

    private final IndexCommands commands;
    private final DuplicateRepair duplicates;
    private final Capabilities capabilities;

    public UniqueIndexes(IndexCommands commands, DuplicateRepair duplicates, Capabilities capabilities) {
        this.commands = commands;
        this.duplicates = duplicates;
        this.capabilities = capabilities;
    }

    /**
     * Makes the declared index exist, and repairs the duplicates that prevent it.
     *
     * @param recreate whether to build it again even if it exists
     */
    public Uni<Void> ensure(RequiredKey key, boolean recreate, RunProgress progress) {
        return indexesOf(key).chain(indexes -> {
            if (!recreate && indexes.stream().anyMatch(index -> index.isDeclared(key.field()))) {
                return drop(indexes, index -> isTemporary(index, key) || index.isAcrossShards(key.field()));
            }
            LOG.infof("event=index-conversion field=%s found=%s", key.field(), describe(indexes));
            return Uni.createFrom()
                    .deferred(() -> repairAndConvert(key, recreate, progress))
                    .onFailure(UniqueIndexes::isDuplicate)
                    .retry()
                    .atMost(RETRIES);
        });
    }

    /** The existing indexes on the key alone. */
    public Uni<List<IndexView>> indexesOf(RequiredKey key) {
        return commands.list()
                .map(all -> all.stream()
                        .filter(index -> index.isOnlyOn(key.field()))
                        .toList());
    }

    private Uni<Void> repairAndConvert(RequiredKey key, boolean recreate, RunProgress progress) {
        return duplicates
                .run(key, progress, indexForLookups(key))
                .chain(() -> indexesOf(key))
                .chain(indexes -> convert(key, indexes)
                        .onFailure(IndexCommands::isImpossible)
                        .recoverWithUni(failure -> replaceAcrossShards(key, recreate, failure)))
                .onFailure(failure -> isDuplicate(failure) && progress.notRepaired() > 1)
                .recoverWithUni(() -> createNotUnique(key))
                .onFailure(UniqueIndexes::isDuplicate)
                .invoke(() -> LOG.infof("event=index-found-duplicates field=%s", key.field()));
    }

    /** Two documents that are too large for a key of their own both lack it. They do not fail the run. */
    private Uni<Void> createNotUnique(RequiredKey key) {
        capabilities.lacks(
                "unique " + key.field(),
                "documents that are too large to be repaired share a value; make them smaller, then heal again");
        return indexesOf(key).chain(indexes -> createNotUnique(key, indexes));
    }

    /** Creates a temporary index if there is none, because a repair finds the duplicates of a value through an index. */
    private Uni<Void> indexForLookups(RequiredKey key) {
        return indexesOf(key)
                .chain(indexes -> indexes.stream().anyMatch(IndexView::isSimple)
                        ? Uni.createFrom().voidItem()
                        : create(descending(key.field()), key.field() + TEMPORARY, false)
                                .onFailure(IndexCommands::isImpossible)
                                .recoverWithNull());
    }

    private static boolean isDuplicate(Throwable failure) {
        return DriverFailure.isDuplicateKey(failure) || DriverFailure.hasCode(failure, CANNOT_CONVERT);
    }

    private Uni<Void> convert(RequiredKey key, List<IndexView> old) {
        return old.stream()
                .filter(index -> index.lacksOnlyUniqueness(key.field()))
                .findFirst()
                .map(index -> convertInPlace(index)
                        .onFailure(failure -> DriverFailure.hasCode(failure, UNKNOWN_OPTION)
                                || DriverFailure.isUnknownCommand(failure))
                        .recoverWithUni(() -> createBeside(key, old)))
                .orElseGet(() -> createBeside(key, old));
    }

    /** From MongoDB 6.0 on: the index rejects new duplicates at once, and becomes unique if none are left. */
    private Uni<Void> convertInPlace(IndexView index) {
        return commands.setOption(index.name(), "prepareUnique", BsonBoolean.TRUE)
                .chain(() -> commands.setOption(index.name(), "unique", BsonBoolean.TRUE))
                .invoke(() -> IndexCommands.CHANGES.infof("event=index-converted name=%s how=collMod", index.name()));
    }

    private Uni<Void> createBeside(RequiredKey key, List<IndexView> old) {
        String usual = key.field() + "_1";
        boolean taken = old.stream().anyMatch(index -> index.name().equals(usual));
        String name = taken ? key.field() + "_1_unique" : usual;
        return create(ascending(key.field()), name, true)
                .chain(() -> dropReplaced(old))
                .onFailure(IndexCommands::isConflict)
                .recoverWithUni(() -> createThroughTemporary(key, name, old));
    }

    /** An index with another collation that is not unique stays: another program may use it, and it rejects nothing. */
    private Uni<Void> dropReplaced(List<IndexView> old) {
        return drop(old, index -> index.isSimple() || index.isUnique());
    }

    /** For servers that allow one index of a key: a temporary unique index in the other direction fills the gap. */
    private Uni<Void> createThroughTemporary(RequiredKey key, String name, List<IndexView> old) {
        return create(descending(key.field()), key.field() + TEMPORARY, true)
                .onFailure(failure -> IndexCommands.isConflict(failure) || IndexCommands.isImpossible(failure))
                .recoverWithUni(() -> {
                    LOG.warnf(
                            "event=index-gap field=%s: the server accepts no second index beside %s, so until the new index"
                                    + " is built only this service enforces uniqueness",
                            key.field(), describe(old));
                    return Uni.createFrom().voidItem();
                })
                .chain(() -> drop(old, index -> index.isAscending(key.field()) && index.isSimple()))
                .chain(() -> create(ascending(key.field()), name, true))
                .chain(() -> indexesOf(key))
                .chain(now -> dropReplaced(now.stream()
                        .filter(index -> !index.isDeclared(key.field()))
                        .toList()));
    }

    /** Shards enforce uniqueness only if the shard key begins with the key. Otherwise an index that is not unique has to do. */
    private Uni<Void> replaceAcrossShards(RequiredKey key, boolean recreate, Throwable refusal) {
        return commands.isRouted()
                .chain(routed -> routed ? indexesOf(key) : Uni.createFrom().failure(refusal))
                .invoke(() -> cannotEnforce(key))
                .chain(indexes -> !recreate && indexes.stream().anyMatch(index -> index.isAcrossShards(key.field()))
                        ? Uni.createFrom().voidItem()
                        : createNotUnique(key, indexes));
    }

    private Uni<Void> createNotUnique(RequiredKey key, List<IndexView> old) {
        return create(descending(key.field()), key.field() + TEMPORARY, false)
                .onFailure(IndexCommands::isConflict)
                .recoverWithNull()
                .chain(() -> drop(old, index -> !isTemporary(index, key) && (index.isSimple() || index.isUnique())))
                .chain(() -> create(ascending(key.field()), IndexView.acrossShards(key.field()), false))
                .chain(() -> indexesOf(key))
                .chain(now -> drop(now, index -> isTemporary(index, key)));
    }

    /** Notes that no index can enforce the uniqueness of the key. */
    public void cannotEnforce(RequiredKey key) {
        capabilities.lacks(
                "unique " + key.field() + " across shards",
                "the index cannot enforce it, because the shard key does not begin with it; a heal finds and repairs"
                        + " duplicates");
    }

    private Uni<Void> create(Bson key, String name, boolean unique) {
        return commands.create(key, name, new IndexOptions().unique(unique));
    }

    private static boolean isTemporary(IndexView index, RequiredKey key) {
        return index.name().startsWith(key.field() + TEMPORARY);
    }

    private Uni<Void> drop(List<IndexView> indexes, Predicate<IndexView> chosen) {
        return Multi.createFrom()
                .iterable(indexes)
                .filter(chosen)
                .onItem()
                .transformToUniAndConcatenate(index -> commands.drop(index.name()))
                .collect()
                .last();
    }

    private static List<String> describe(List<IndexView> indexes) {
        return indexes.stream().map(index -> index.description().toJson()).toList();
    }
}
