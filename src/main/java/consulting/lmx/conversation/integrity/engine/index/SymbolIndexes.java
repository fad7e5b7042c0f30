package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonType;
import org.bson.conversions.Bson;

/**
 * The indexes of those documents in which a key is a BSON symbol. Servers sort symbols among strings, so no other index tells in
 * constant time that there are none. They are empty on a sound collection. Without one, all keys are read instead.
 */
public final class SymbolIndexes {

    private static final String SUFFIX = "_symbols";

    private final IndexCommands commands;
    private final List<RequiredKey> keys;
    private final Capabilities capabilities;

    public SymbolIndexes(IndexCommands commands, List<RequiredKey> keys, Capabilities capabilities) {
        this.commands = commands;
        this.keys = keys;
        this.capabilities = capabilities;
    }

    /** Finds the documents in which the key is a symbol, or an array that holds one. */
    static Bson filter(RequiredKey key) {
        return Filters.type(key.field(), BsonType.SYMBOL);
    }

    /** The index of the symbols of {@code key}. */
    Uni<Optional<IndexView>> find(RequiredKey key) {
        return commands.all().map(all -> find(key, all));
    }

    private static Optional<IndexView> find(RequiredKey key, List<IndexView> all) {
        return all.stream()
                .filter(index -> index.name().startsWith(key.field() + SUFFIX) && !index.isHidden())
                .filter(index -> index.filter().equals(filter(key).toBsonDocument()))
                .findFirst();
    }

    /** With the {@code _id}, since before MongoDB 5.0 a key pattern has one index alone. */
    private static BsonDocument key(RequiredKey key) {
        return new BsonDocument(key.field(), new BsonInt32(1)).append("_id", new BsonInt32(1));
    }

    private List<RequiredKey> missing(List<IndexView> all) {
        return keys.stream()
                .filter(key -> find(key, all).isEmpty())
                .filter(key -> !capabilities.missing().contains(name(key)))
                .toList();
    }

    private static String name(RequiredKey key) {
        return "index of symbols in " + key.field();
    }

    /** Makes what is missing; without the privilege for it, or without room, that is noted and nothing fails. */
    public Uni<Void> ensure() {
        return commands.all()
                .chain(all -> Multi.createFrom()
                        .iterable(missing(all))
                        .onItem()
                        .transformToUniAndConcatenate(this::create)
                        .collect()
                        .last());
    }

    private Uni<Void> create(RequiredKey key) {
        IndexOptions options = new IndexOptions().partialFilterExpression(filter(key));
        return commands.create(key(key), key.field() + SUFFIX, options)
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithUni(refused -> {
                    capabilities.lacks(name(key), "each check reads all keys instead: " + refused.getMessage());
                    return Uni.createFrom().voidItem();
                });
    }
}
