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
import org.bson.conversions.Bson;

/** Lists, makes and drops the indexes of a collection. What it changes is logged. */
public final class IndexCommands {

    /** How many indexes a server lets a collection have. */
    static final int MOST = 64;

    /** What a {@code mongos} calls itself. */
    private static final String ROUTER = "isdbgrid";

    /** The wire version of MongoDB 4.4. */
    private static final int COMMIT_QUORUMS = 9;

    private static final int INDEX_NOT_FOUND = 27;

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;

    public IndexCommands(MongoDatabase database, MongoCollection<BsonDocument> collection) {
        this.database = database;
        this.collection = collection;
    }

    public Uni<List<IndexView>> all() {
        return Publishers.list(collection.listIndexes(BsonDocument.class))
                .map(indexes -> indexes.stream().map(IndexView::new).toList());
    }

    /**
     * Makes an index that compares strings byte by byte.
     *
     * @param name its name, with a number after it if another index has that one
     */
    Uni<Void> create(Bson key, String name, IndexOptions options) {
        return all().chain(there -> {
                    options.name(freeName(name, there)).collation(Collations.SIMPLE);
                    return commitQuorum()
                            .chain(quorum -> Publishers.one(
                                    collection.createIndexes(List.of(new IndexModel(key, options)), quorum)));
                })
                .invoke(() -> Changes.LOG.infof(
                        "event=index-created name=%s key=%s unique=%s",
                        options.getName(), key.toBsonDocument().toJson(), options.isUnique()))
                .replaceWithVoid();
    }

    private static String freeName(String name, List<IndexView> there) {
        return Stream.concat(Stream.of(name), IntStream.iterate(2, i -> i + 1).mapToObj(i -> name + "_" + i))
                .filter(free -> there.stream().noneMatch(index -> index.name().equals(free)))
                .findFirst()
                .orElseThrow();
    }

    /**
     * The majority, from MongoDB 4.4 on: by default a build there waits for each member that votes, also for one that is down.
     * A server by itself takes none.
     */
    private Uni<CreateIndexOptions> commitQuorum() {
        return hello().map(server -> {
            CreateIndexOptions options = new CreateIndexOptions();
            boolean votes = server.containsKey("setName") || isRouter(server);
            boolean knows = server.getNumber("maxWireVersion", new BsonInt32(0)).intValue() >= COMMIT_QUORUMS;
            return votes && knows ? options.commitQuorum(CreateIndexCommitQuorum.MAJORITY) : options;
        });
    }

    /** Done when there is no index of that name. */
    Uni<Void> drop(String name) {
        return Publishers.one(collection.dropIndex(name))
                .invoke(() -> Changes.LOG.infof("event=index-dropped name=%s", name))
                .onFailure(failure -> DriverFailure.hasCode(failure, INDEX_NOT_FOUND))
                .recoverWithNull();
    }

    /** Whether the collection is reached through a {@code mongos}. */
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
