package consulting.lmx.conversation.integrity;

import static com.mongodb.client.model.Indexes.ascending;
import static com.mongodb.client.model.Indexes.descending;

import com.mongodb.client.model.Collation;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.error.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Knows how the unique index of a key is compared (by key and options, whatever its name), made and converted. Builds are
 * the server's own online ones. The collection is never without an index on the key longer than the server forces: the new
 * one is made before the old one is dropped, beside it under another name where the server allows two of the same key, else
 * with a unique one in the other direction holding the place in between.
 */
final class UniqueIndexes {

    private static final Logger LOG = Logger.getLogger(UniqueIndexes.class);
    private static final String IN_BETWEEN = "_in_between";
    /** What a {@code mongos} calls itself. */
    private static final String ROUTER = "isdbgrid";

    private static final int ATTEMPTS = 5;
    private static final int CANNOT_CONVERT = 359;
    private static final int[] SAME_KEY_OTHER_OPTIONS = {85, 86};
    private static final int[] NO_SUCH_OPTION = {9, 59, 72, 40415};
    private static final int INDEX_NOT_FOUND = 27;
    private static final int CANNOT_CREATE = 67;

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final DuplicateRepair duplicates;
    private final Capabilities capabilities;

    UniqueIndexes(
            MongoDatabase database,
            MongoCollection<BsonDocument> collection,
            DuplicateRepair duplicates,
            Capabilities capabilities) {
        this.capabilities = capabilities;
        this.database = database;
        this.collection = collection;
        this.duplicates = duplicates;
    }

    /**
     * Done when the declared index stands. Duplicates that stand in its way are repaired.
     *
     * @param anew whether it is made anew even where it stands
     */
    Uni<Void> ensure(RequiredKey key, boolean anew, RunProgress progress) {
        return indexesOf(key).chain(indexes -> {
            if (!anew && indexes.stream().anyMatch(index -> index.isDeclared(key.field()))) {
                return drop(indexes.stream()
                        .filter(index -> isInBetween(index, key) || index.isAcrossShards(key.field()))
                        .toList());
            }
            LOG.infof("event=index-conversion field=%s found=%s", key.field(), describe(indexes));
            return attempt(key, anew, progress, ATTEMPTS)
                    .onFailure(DriverFailure::isDenied)
                    .recoverWithUni(denied -> {
                        capabilities.denied("createIndex, dropIndex and collMod on "
                                + collection.getNamespace().getCollectionName());
                        return Uni.createFrom().voidItem();
                    });
        });
    }

    /** The single-field indexes of the key, as they are. */
    Uni<List<IndexView>> indexesOf(RequiredKey key) {
        return IndexView.all(collection)
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
                .onFailure(failure -> isDuplicate(failure) && attempts > 1)
                .recoverWithUni(() -> {
                    LOG.infof("event=index-found-duplicates field=%s attempts-left=%d", key.field(), attempts - 1);
                    return attempt(key, anew, progress, attempts - 1);
                });
    }

    /** Where no index leads to a value, one is made, so that the duplicates of a value are found without looking at all. */
    private Uni<Void> makeFindable(RequiredKey key) {
        return indexesOf(key)
                .chain(indexes -> indexes.isEmpty()
                        ? create(descending(key.field()), key.field() + IN_BETWEEN, false)
                        : Uni.createFrom().voidItem());
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
                .onFailure(failure -> DriverFailure.hasCode(failure, NO_SUCH_OPTION))
                .recoverWithUni(() -> makeBeside(key, old));
    }

    /** From MongoDB 6.0 on: the index refuses new duplicates at once, and becomes unique where there are none left. */
    private Uni<Void> convertInPlace(IndexView index) {
        return modify(index, "prepareUnique")
                .chain(() -> modify(index, "unique"))
                .invoke(() -> LOG.infof("event=index-converted name=%s how=collMod", index.name()));
    }

    private Uni<Void> modify(IndexView index, String option) {
        BsonDocument command = new BsonDocument(
                        "collMod", new BsonString(collection.getNamespace().getCollectionName()))
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
                .chain(() -> drop(old))
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS))
                .recoverWithUni(() -> makeByWayOfTheOtherDirection(key, name, old));
    }

    /** The server allows one index of a key: a unique one of the other direction keeps the guarantee meanwhile. */
    private Uni<Void> makeByWayOfTheOtherDirection(RequiredKey key, String name, List<IndexView> old) {
        String inBetween = key.field() + IN_BETWEEN;
        List<IndexView> sameKey =
                old.stream().filter(index -> index.isAscending(key.field())).toList();
        List<IndexView> others =
                old.stream().filter(index -> !index.isAscending(key.field())).toList();
        return create(descending(key.field()), inBetween, true)
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS))
                .recoverWithUni(() -> {
                    LOG.warnf(
                            "event=index-gap field=%s: the server takes no second index of it beside %s, so between the drop"
                                    + " and the end of the build nothing but this service holds it unique",
                            key.field(), describe(old));
                    return Uni.createFrom().voidItem();
                })
                .chain(() -> drop(sameKey))
                .chain(() -> create(ascending(key.field()), name, true))
                .chain(() -> drop(others))
                .chain(() -> drop(inBetween));
    }

    /** Shards hold a key unique only where the shard key begins with it: elsewhere an index serves that finds, and no more. */
    private Uni<Void> standIn(RequiredKey key, boolean anew, Throwable refusal) {
        return Publishers.one(database.runCommand(new BsonDocument("isMaster", new BsonInt32(1)), BsonDocument.class))
                .chain(server ->
                        server.getString("msg", new BsonString("")).getValue().equals(ROUTER)
                                ? indexesOf(key)
                                : Uni.createFrom().failure(refusal))
                .invoke(() -> cannotHold(key))
                .chain(indexes -> !anew && indexes.stream().anyMatch(index -> index.isAcrossShards(key.field()))
                        ? Uni.createFrom().voidItem()
                        : makeStandIn(key, indexes));
    }

    private Uni<Void> makeStandIn(RequiredKey key, List<IndexView> old) {
        String inBetween = key.field() + IN_BETWEEN;
        return create(descending(key.field()), inBetween, false)
                .onFailure(failure -> DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS))
                .recoverWithNull()
                .chain(() -> drop(
                        old.stream().filter(index -> !isInBetween(index, key)).toList()))
                .chain(() -> create(ascending(key.field()), IndexView.acrossShards(key.field()), false))
                .chain(() -> drop(inBetween));
    }

    /** Says that no index can hold the key unique: in the log once, and in each report. */
    void cannotHold(RequiredKey key) {
        capabilities.lacks(
                "unique " + key.field() + " across shards",
                "the index cannot guarantee it, since the shard key does not begin with it; a heal finds and repairs what"
                        + " is there twice");
    }

    private Uni<Void> create(Bson key, String name, boolean unique) {
        return CollectionInfo.read(database, collection.getNamespace().getCollectionName())
                .chain(info -> {
                    IndexOptions options = new IndexOptions().unique(unique).name(name);
                    if (info.hasCollation()) {
                        options.collation(Collation.builder().locale("simple").build());
                    }
                    return Publishers.one(collection.createIndex(key, options));
                })
                .invoke(() -> LOG.infof("event=index-created name=%s unique=%s", name, unique))
                .replaceWithVoid();
    }

    private static boolean isInBetween(IndexView index, RequiredKey key) {
        return index.name().equals(key.field() + IN_BETWEEN);
    }

    private Uni<Void> drop(List<IndexView> indexes) {
        return Multi.createFrom()
                .iterable(indexes)
                .onItem()
                .transformToUniAndConcatenate(index -> drop(index.name()))
                .collect()
                .last();
    }

    private Uni<Void> drop(String name) {
        return Publishers.one(collection.dropIndex(name))
                .invoke(() -> LOG.infof("event=index-dropped name=%s", name))
                .onFailure(failure -> DriverFailure.hasCode(failure, INDEX_NOT_FOUND))
                .recoverWithNull();
    }

    private static List<String> describe(List<IndexView> indexes) {
        return indexes.stream().map(index -> index.description().toJson()).toList();
    }
}
