package consulting.lmx.conversation.integrity.engine.index;

import static com.mongodb.client.model.Indexes.ascending;
import static com.mongodb.client.model.Indexes.descending;

import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.repair.DuplicateRepair;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.function.Predicate;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Knows how the unique index of a key is compared (by key and options, whatever its name), made and converted. Builds are
 * the server's own online ones. The collection is never without an index on the key longer than the server forces: the new
 * one is made before the old one is dropped, beside it under another name where the server allows two of the same key, else
 * with a unique one in the other direction holding the place in between.
 */
public final class UniqueIndexes {

    private static final Logger LOG = Logger.getLogger(UniqueIndexes.class);
    private static final String IN_BETWEEN = "_in_between";

    private static final int ATTEMPTS = 5;
    private static final int CANNOT_CONVERT = 359;
    private static final int[] SAME_KEY_OTHER_OPTIONS = {85, 86};
    private static final int[] NO_SUCH_OPTION = {9, 72, 40415};
    private static final int CANNOT_CREATE = 67;

    private final MongoDatabase database;
    private final IndexCommands commands;
    private final DuplicateRepair duplicates;
    private final Capabilities capabilities;

    public UniqueIndexes(
            MongoDatabase database, IndexCommands commands, DuplicateRepair duplicates, Capabilities capabilities) {
        this.database = database;
        this.commands = commands;
        this.duplicates = duplicates;
        this.capabilities = capabilities;
    }

    /**
     * Done when the declared index stands. Duplicates that stand in its way are repaired.
     *
     * @param anew whether it is made anew even where it stands
     */
    public Uni<Void> ensure(RequiredKey key, boolean anew, RunProgress progress) {
        return indexesOf(key).chain(indexes -> {
            if (!anew && indexes.stream().anyMatch(index -> index.isDeclared(key.field()))) {
                return drop(indexes, index -> isInBetween(index, key) || index.isAcrossShards(key.field()));
            }
            LOG.infof("event=index-conversion field=%s found=%s", key.field(), describe(indexes));
            return attempt(key, anew, progress, ATTEMPTS)
                    .onFailure(DriverFailure::isDenied)
                    .recoverWithUni(denied -> {
                        capabilities.denied("createIndex, dropIndex and collMod on " + commands.collection());
                        return Uni.createFrom().voidItem();
                    });
        });
    }

    /** The single-field indexes of the key, as they are. */
    public Uni<List<IndexView>> indexesOf(RequiredKey key) {
        return commands.all()
                .map(all ->
                        all.stream().filter(index -> index.isOf(key.field())).toList());
    }

    private Uni<Void> attempt(RequiredKey key, boolean anew, RunProgress progress, int attempts) {
        return duplicates
                .run(key, progress, makeFindable(key))
                .chain(() -> indexesOf(key))
                .chain(indexes -> convert(key, indexes)
                        .onFailure(failure -> DriverFailure.hasCode(failure, CANNOT_CREATE))
                        .recoverWithUni(failure -> standIn(key, anew, failure)))
                .onFailure(failure -> isDuplicate(failure) && attempts < ATTEMPTS && progress.notRepaired() > 1)
                .recoverWithUni(() -> withoutUniqueness(key))
                .onFailure(failure -> isDuplicate(failure) && attempts > 1)
                .recoverWithUni(() -> {
                    LOG.infof("event=index-found-duplicates field=%s attempts-left=%d", key.field(), attempts - 1);
                    return attempt(key, anew, progress, attempts - 1);
                });
    }

    /** Documents that have no room for a key of their own share its absence: they are named, and stop nothing. */
    private Uni<Void> withoutUniqueness(RequiredKey key) {
        capabilities.lacks(
                "unique " + key.field(),
                "documents that are too large to be repaired have the same; make them smaller, and heal again");
        return indexesOf(key).chain(indexes -> makeStandIn(key, indexes));
    }

    /** Makes an index if none leads to a value, so that the duplicates of a value are found without reading everything. */
    private Uni<Void> makeFindable(RequiredKey key) {
        return indexesOf(key)
                .chain(indexes -> indexes.stream().anyMatch(IndexView::isSimple)
                        ? Uni.createFrom().voidItem()
                        : create(descending(key.field()), key.field() + IN_BETWEEN, false)
                                .onFailure(failure -> DriverFailure.hasCode(failure, CANNOT_CREATE))
                                .recoverWithNull());
    }

    private static boolean isDuplicate(Throwable failure) {
        return DriverFailure.isDuplicateKey(failure) || DriverFailure.hasCode(failure, CANNOT_CONVERT);
    }

    private Uni<Void> convert(RequiredKey key, List<IndexView> old) {
        IndexView convertible = old.stream()
                .filter(index -> index.lacksOnlyUniqueness(key.field()))
                .findFirst()
                .orElse(null);
        if (convertible == null) {
            return makeBeside(key, old);
        }
        return convertInPlace(convertible)
                .onFailure(failure ->
                        DriverFailure.hasCode(failure, NO_SUCH_OPTION) || DriverFailure.isUnknownCommand(failure))
                .recoverWithUni(() -> makeBeside(key, old));
    }

    /** From MongoDB 6.0 on: the index refuses new duplicates at once, and becomes unique if there are none left. */
    private Uni<Void> convertInPlace(IndexView index) {
        return modify(index, "prepareUnique")
                .chain(() -> modify(index, "unique"))
                .invoke(() -> Changes.LOG.infof("event=index-converted name=%s how=collMod", index.name()));
    }

    private Uni<Void> modify(IndexView index, String option) {
        BsonDocument command = new BsonDocument("collMod", new BsonString(commands.collection()))
                .append(
                        "index",
                        new BsonDocument("name", new BsonString(index.name())).append(option, BsonBoolean.TRUE));
        return Publishers.one(database.runCommand(command)).replaceWithVoid();
    }

    private Uni<Void> makeBeside(RequiredKey key, List<IndexView> old) {
        String usual = key.field() + "_1";
        boolean taken = old.stream().anyMatch(index -> index.name().equals(usual));
        String name = taken ? key.field() + "_1_unique" : usual;
        return create(ascending(key.field()), name, true)
                .chain(() -> dropReplaced(old))
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS))
                .recoverWithUni(() -> makeByWayOfTheOtherDirection(key, name, old));
    }

    /** An index of another collation stays if it is not unique: another program has use of it, and it refuses nothing. */
    private Uni<Void> dropReplaced(List<IndexView> old) {
        return drop(old, index -> index.isSimple() || index.isUnique());
    }

    /** The server allows one index of a key: a unique one of the other direction keeps the guarantee meanwhile. */
    private Uni<Void> makeByWayOfTheOtherDirection(RequiredKey key, String name, List<IndexView> old) {
        return create(descending(key.field()), key.field() + IN_BETWEEN, true)
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS)
                        || DriverFailure.hasCode(failure, CANNOT_CREATE))
                .recoverWithUni(() -> {
                    LOG.warnf(
                            "event=index-gap field=%s: the server takes no second index of it beside %s, so between the drop"
                                    + " and the end of the build nothing but this service holds it unique",
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

    /** Shards hold a key unique only if the shard key begins with it: elsewhere an index serves that finds, and no more. */
    private Uni<Void> standIn(RequiredKey key, boolean anew, Throwable refusal) {
        return commands.isRouted()
                .chain(routed -> routed
                        ? indexesOf(key)
                        : commands.all().map(all -> {
                            throw explained(refusal, key, all);
                        }))
                .invoke(() -> cannotHold(key))
                .chain(indexes -> !anew && indexes.stream().anyMatch(index -> index.isAcrossShards(key.field()))
                        ? Uni.createFrom().voidItem()
                        : makeStandIn(key, indexes));
    }

    private RuntimeException explained(Throwable refusal, RequiredKey key, List<IndexView> all) {
        return all.size() < IndexCommands.MOST && refusal instanceof RuntimeException asItIs
                ? asItIs
                : new IntegrityException("The unique index of " + key.field() + " cannot be made, since "
                        + commands.collection() + " has " + all.size()
                        + " indexes, as many as a server allows: drop one that nothing uses");
    }

    private Uni<Void> makeStandIn(RequiredKey key, List<IndexView> old) {
        return create(descending(key.field()), key.field() + IN_BETWEEN, false)
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS))
                .recoverWithNull()
                .chain(() -> drop(old, index -> !isInBetween(index, key) && (index.isSimple() || index.isUnique())))
                .chain(() -> create(ascending(key.field()), IndexView.acrossShards(key.field()), false))
                .chain(() -> indexesOf(key))
                .chain(now -> drop(now, index -> isInBetween(index, key)));
    }

    /** Says that no index can hold the key unique: in the log once, and in each report. */
    public void cannotHold(RequiredKey key) {
        capabilities.lacks(
                "unique " + key.field() + " across shards",
                "the index cannot guarantee it, since the shard key does not begin with it; a heal finds and repairs what"
                        + " is there twice");
    }

    private Uni<Void> create(Bson key, String name, boolean unique) {
        return commands.create(key, name, new IndexOptions().unique(unique));
    }

    private static boolean isInBetween(IndexView index, RequiredKey key) {
        return index.name().startsWith(key.field() + IN_BETWEEN);
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
