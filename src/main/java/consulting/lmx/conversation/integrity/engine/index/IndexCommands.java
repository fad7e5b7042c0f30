package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.CreateIndexCommitQuorum;
import com.mongodb.client.model.CreateIndexOptions;
import com.mongodb.client.model.IndexModel;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Hello;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/** Lists, creates, converts and drops the indexes of a collection, and logs each change. */
public final class IndexCommands {

    /** Logs each change of a collection, an index or a validator. A command prints this log. */
    static final Logger CHANGES = Logger.getLogger("consulting.lmx.conversation.changes");

    /** What {@code mongos} answers in {@code msg}. */
    private static final String ROUTER = "isdbgrid";

    /** The wire version of MongoDB 4.4, the first with commit quorums. */
    private static final int COMMIT_QUORUM_VERSION = 9;

    private static final int INDEX_NOT_FOUND = 27;
    private static final int CANNOT_CREATE = 67;
    private static final int[] INDEX_CONFLICT = {85, 86};

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;

    public IndexCommands(MongoDatabase database, MongoCollection<BsonDocument> collection) {
        this.database = database;
        this.collection = collection;
    }

    public Uni<List<IndexView>> list() {
        return Publishers.list(collection.listIndexes(BsonDocument.class))
                .map(indexes -> indexes.stream().map(IndexView::new).toList());
    }

    /**
     * Creates an index with the simple collation.
     *
     * @param name its name; if another index has that name, a number is appended
     */
    Uni<Void> create(Bson key, String name, IndexOptions options) {
        return list().chain(existing -> {
                    options.name(freeName(name, existing)).collation(Collations.SIMPLE);
                    return commitQuorum()
                            .chain(quorum -> Publishers.one(
                                    collection.createIndexes(List.of(new IndexModel(key, options)), quorum)));
                })
                .invoke(() -> CHANGES.infof(
                        "event=index-created name=%s key=%s unique=%s",
                        options.getName(), key.toBsonDocument().toJson(), options.isUnique()))
                .replaceWithVoid();
    }

    private static String freeName(String name, List<IndexView> existing) {
        return Stream.concat(Stream.of(name), IntStream.iterate(2, i -> i + 1).mapToObj(i -> name + "_" + i))
                .filter(free ->
                        existing.stream().noneMatch(index -> index.name().equals(free)))
                .findFirst()
                .orElseThrow();
    }

    /**
     * The majority, from MongoDB 4.4 on. The default there waits for every voting member, even one that is down. A
     * standalone server accepts no quorum.
     */
    private Uni<CreateIndexOptions> commitQuorum() {
        return hello().map(server -> {
            boolean replicated = server.containsKey("setName") || isRouter(server);
            int version = server.getNumber("maxWireVersion", new BsonInt32(0)).intValue();
            CreateIndexOptions options = new CreateIndexOptions();
            return replicated && version >= COMMIT_QUORUM_VERSION
                    ? options.commitQuorum(CreateIndexCommitQuorum.MAJORITY)
                    : options;
        });
    }

    /** Sets one option of an existing index. Servers differ in the options that they can change. */
    Uni<Void> setOption(String index, String option, BsonValue value) {
        BsonDocument change = new BsonDocument("name", new BsonString(index)).append(option, value);
        return Publishers.one(database.runCommand(
                        new BsonDocument("collMod", new BsonString(collection())).append("index", change)))
                .replaceWithVoid();
    }

    /** Drops the index, if it exists. */
    Uni<Void> drop(String name) {
        return Publishers.one(collection.dropIndex(name))
                .invoke(() -> CHANGES.infof("event=index-dropped name=%s", name))
                .onFailure(failure -> DriverFailure.hasCode(failure, INDEX_NOT_FOUND))
                .recoverWithNull();
    }

    /** Whether an index with the same key or name and other options exists. Before MongoDB 5.0, a key has one index only. */
    static boolean isConflict(Throwable failure) {
        return DriverFailure.hasCode(failure, INDEX_CONFLICT);
    }

    /** Whether the server cannot create this index: for instance, the collection has 64, or shards cannot enforce uniqueness. */
    static boolean isImpossible(Throwable failure) {
        return DriverFailure.hasCode(failure, CANNOT_CREATE);
    }

    /** Whether the connection leads to a {@code mongos}. */
    Uni<Boolean> isRouted() {
        return hello().map(IndexCommands::isRouter);
    }

    private static boolean isRouter(BsonDocument hello) {
        return hello.getString("msg", new BsonString("")).getValue().equals(ROUTER);
    }

    private Uni<BsonDocument> hello() {
        return Hello.ask(command -> Publishers.one(database.runCommand(command, BsonDocument.class)));
    }

    String collection() {
        return collection.getNamespace().getCollectionName();
    }
}
