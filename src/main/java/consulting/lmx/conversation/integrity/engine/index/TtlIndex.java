package consulting.lmx.conversation.integrity.engine.index;

import static com.mongodb.client.model.Indexes.ascending;
import static com.mongodb.client.model.Indexes.descending;

import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Ttl;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.bson.BsonDocument;
import org.bson.BsonInt64;
import org.bson.BsonString;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Makes, changes and drops the index by which the server deletes documents that have expired. Whose index it is, is told by
 * its name alone: one that another program made deletes documents too, and is shown and left as it is.
 */
public final class TtlIndex {

    private static final Logger LOG = Logger.getLogger(TtlIndex.class);
    private static final String EXPIRY = "expireAfterSeconds";
    private static final int[] SAME_KEY_OTHER_OPTIONS = {85, 86};
    private static final int CANNOT_CREATE = 67;

    private final MongoDatabase database;
    private final IndexCommands commands;
    private final Ttl wanted;
    private final boolean leavesUnset;
    private final Capabilities capabilities;

    /** @param leavesUnset whether an index that is there stays if {@code wanted} names no time */
    public TtlIndex(
            MongoDatabase database,
            IndexCommands commands,
            Ttl wanted,
            boolean leavesUnset,
            Capabilities capabilities) {
        this.database = database;
        this.commands = commands;
        this.wanted = wanted;
        this.leavesUnset = leavesUnset;
        this.capabilities = capabilities;
    }

    /** Whether nothing is to be changed; a server that makes no such index is left as it is. */
    public Uni<Boolean> isAsWanted() {
        return ours().map(found -> wanted.after().isEmpty()
                ? leavesUnset || found.isEmpty()
                : capabilities.missing().contains(EXPIRY) || found.stream().anyMatch(wanted::isCarriedBy));
    }

    public Uni<Void> ensure() {
        return ours().chain(found -> ensure(found))
                .onFailure(DriverFailure::isDenied)
                .invoke(denied -> capabilities.denied("createIndex, dropIndex and collMod on " + name()))
                .onFailure(DriverFailure::isDenied)
                .recoverWithNull();
    }

    private Uni<Void> ensure(Optional<IndexView> found) {
        if (wanted.after().isEmpty()) {
            return leavesUnset || found.isEmpty() ? Uni.createFrom().voidItem() : drop();
        }
        if (found.isEmpty()) {
            return make();
        }
        if (wanted.isCarriedBy(found.get())) {
            return Uni.createFrom().voidItem();
        }
        return wanted.hasItsShape(found.get()) ? setTime() : drop().chain(this::make);
    }

    /** All indexes by which documents are deleted, whoever made them; of another program's is warned. */
    public Uni<List<IndexView>> read() {
        return commands.all()
                .map(indexes -> indexes.stream()
                        .filter(index -> index.expiresAfter().isPresent() || wanted.isNameOf(index))
                        .toList())
                .invoke(indexes -> indexes.stream()
                        .filter(index -> !wanted.isNameOf(index))
                        .forEach(this::warn));
    }

    private void warn(IndexView foreign) {
        LOG.warnf(
                "event=foreign-expiry index=%s key=%s seconds=%d: this service did not make it, and by it the server deletes"
                        + " documents of %s; it is left as it is: drop it yourself if they are to be kept",
                foreign.name(), foreign.key().toJson(), foreign.expiresAfter().getAsLong(), name());
    }

    private Uni<Optional<IndexView>> ours() {
        return commands.all()
                .map(indexes -> indexes.stream().filter(wanted::isNameOf).findFirst());
    }

    /**
     * Where another program has an index of that key, ours goes by the other direction: to the server it is the same. One
     * that keeps an index's time without knowing what it is for does not know how to set it either, so it is set as well.
     */
    private Uni<Void> make() {
        return create(ascending(wanted.field()))
                .onFailure(TtlIndex::isTaken)
                .recoverWithUni(() -> create(descending(wanted.field())))
                .chain(this::setTime)
                .onFailure(failure -> isTaken(failure) || DriverFailure.hasCode(failure, CANNOT_CREATE))
                .recoverWithUni(() -> lacks("other programs' indexes stand in the way of one on " + wanted.field()));
    }

    private static boolean isTaken(Throwable failure) {
        return DriverFailure.hasCode(failure, SAME_KEY_OTHER_OPTIONS);
    }

    private Uni<Void> create(Bson key) {
        return commands.create(key, wanted.index(), new IndexOptions().expireAfter(seconds(), TimeUnit.SECONDS));
    }

    private Uni<Void> setTime() {
        BsonDocument index =
                new BsonDocument("name", new BsonString(wanted.index())).append(EXPIRY, new BsonInt64(seconds()));
        return Publishers.one(
                        database.runCommand(new BsonDocument("collMod", new BsonString(name())).append("index", index)))
                .invoke(() -> Changes.LOG.infof("event=expiry index=%s seconds=%d", wanted.index(), seconds()))
                .replaceWithVoid()
                .onFailure(DriverFailure::isUnknownCommand)
                .recoverWithUni(() -> lacks("the server deletes nothing by itself"));
    }

    private Uni<Void> lacks(String reason) {
        capabilities.lacks(EXPIRY, reason + ": documents are kept longer than wanted");
        return Uni.createFrom().voidItem();
    }

    private Uni<Void> drop() {
        return commands.drop(wanted.index());
    }

    private long seconds() {
        return wanted.after().orElseThrow().toSeconds();
    }

    private String name() {
        return commands.collection();
    }
}
