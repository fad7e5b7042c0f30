package consulting.lmx.conversation.integrity.engine.index;

import static com.mongodb.client.model.Indexes.ascending;
import static com.mongodb.client.model.Indexes.descending;

import com.mongodb.client.model.IndexOptions;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Ttl;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.bson.BsonInt64;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Creates, changes and drops the TTL index, through which the server deletes expired documents. It never changes a TTL index
 * of another name, since another program owns that; the report lists it.
 */
public final class TtlIndex {

    private static final Logger LOG = Logger.getLogger(TtlIndex.class);
    private static final String AGE = "expireAfterSeconds";

    private final IndexCommands commands;
    private final Ttl wanted;
    private final boolean keepUnset;
    private final Capabilities capabilities;

    /** @param keepUnset whether an existing index stays if {@code wanted} has no age */
    public TtlIndex(IndexCommands commands, Ttl wanted, boolean keepUnset, Capabilities capabilities) {
        this.commands = commands;
        this.wanted = wanted;
        this.keepUnset = keepUnset;
        this.capabilities = capabilities;
    }

    /** Whether {@link #ensure()} would change nothing. */
    public Uni<Boolean> isAsWanted() {
        return find().map(found -> wanted.after().isEmpty()
                ? keepUnset || found.isEmpty()
                : capabilities.missing().contains(AGE) || found.stream().anyMatch(wanted::matches));
    }

    /** Makes the index as wanted. If the server cannot, {@link Capabilities} says so. */
    public Uni<Void> ensure() {
        return find().chain(found -> ensure(found));
    }

    private Uni<Void> ensure(Optional<IndexView> found) {
        boolean unset = wanted.after().isEmpty();
        if (unset ? keepUnset || found.isEmpty() : found.stream().anyMatch(wanted::matches)) {
            return Uni.createFrom().voidItem();
        }
        if (found.isEmpty()) {
            return create();
        }
        if (wanted.differsOnlyInAge(found.get()) && !unset) {
            return setAge();
        }
        Uni<Void> dropped = commands.drop(wanted.index());
        return unset ? dropped : dropped.chain(() -> create());
    }

    /** All TTL indexes, whoever owns them. Warns of those that other programs own. */
    public Uni<List<IndexView>> list() {
        return commands.list()
                .map(indexes -> indexes.stream()
                        .filter(index -> index.expiresAfter().isPresent() || wanted.isOwn(index))
                        .toList())
                .invoke(indexes ->
                        indexes.stream().filter(index -> !wanted.isOwn(index)).forEach(this::warn));
    }

    private void warn(IndexView foreign) {
        LOG.warnf(
                "event=foreign-ttl-index index=%s key=%s seconds=%d: another program owns this index, through which the"
                        + " server deletes documents of %s; drop it to keep them",
                foreign.name(), foreign.key().toJson(), foreign.expiresAfter().getAsLong(), commands.collection());
    }

    private Uni<Optional<IndexView>> find() {
        return commands.list()
                .map(indexes -> indexes.stream().filter(wanted::isOwn).findFirst());
    }

    /**
     * If another program has an index of the same key, this one is descending, which means the same to the server. Setting
     * the age again detects servers that store the option without knowing it.
     */
    private Uni<Void> create() {
        return create(ascending(wanted.field()))
                .onFailure(IndexCommands::isConflict)
                .recoverWithUni(() -> create(descending(wanted.field())))
                .chain(this::setAge)
                .onFailure(failure -> IndexCommands.isConflict(failure) || IndexCommands.isImpossible(failure))
                .recoverWithUni(() -> lacks("indexes of other programs leave no room for one on " + wanted.field()));
    }

    private Uni<Void> create(Bson key) {
        return commands.create(key, wanted.index(), new IndexOptions().expireAfter(seconds(), TimeUnit.SECONDS));
    }

    private Uni<Void> setAge() {
        return commands.setOption(wanted.index(), AGE, new BsonInt64(seconds()))
                .invoke(() -> IndexCommands.CHANGES.infof("event=ttl index=%s seconds=%d", wanted.index(), seconds()))
                .onFailure(DriverFailure::isUnknownCommand)
                .recoverWithUni(() -> lacks("the server deletes no expired documents"));
    }

    private Uni<Void> lacks(String reason) {
        capabilities.lacks(AGE, reason + ": documents are kept longer than the retention");
        return Uni.createFrom().voidItem();
    }

    private long seconds() {
        return wanted.after().orElseThrow().toSeconds();
    }
}
