package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.SecondaryIndex;
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
 * Creates the indexes of the application's lists, and for each key a partial index of its BSON symbols. Servers sort symbols
 * among strings, so only that index shows in constant time that there are none. On a healthy collection it is empty.
 */
public final class SecondaryIndexes {

    private final IndexCommands commands;
    private final List<SecondaryIndex> symbolIndexes;
    private final List<SecondaryIndex> listIndexes;
    private final Capabilities capabilities;

    public SecondaryIndexes(IndexCommands commands, Invariant invariant, Capabilities capabilities) {
        this.commands = commands;
        this.capabilities = capabilities;
        this.symbolIndexes =
                invariant.keys().stream().map(SecondaryIndexes::symbolIndex).toList();
        this.listIndexes = invariant.listIndexes();
    }

    /** Matches the documents in which the key is a symbol, or an array that contains one. */
    static Bson symbols(RequiredKey key) {
        return Filters.type(key.field(), BsonType.SYMBOL);
    }

    /** The key includes {@code _id}, because before MongoDB 5.0 a key has one index only. */
    private static SecondaryIndex symbolIndex(RequiredKey key) {
        return new SecondaryIndex(
                key.field() + "_symbols",
                new BsonDocument(key.field(), new BsonInt32(1)).append("_id", new BsonInt32(1)),
                symbols(key).toBsonDocument(),
                "each check reads all keys");
    }

    /** The index of the symbols in {@code key}. */
    Uni<Optional<IndexView>> findSymbolIndex(RequiredKey key) {
        return commands.list()
                .map(all -> all.stream().filter(symbolIndex(key)::matches).findFirst());
    }

    /** Creates the missing indexes of symbols. If the server rejects one, the report says so and the run continues. */
    public Uni<Void> ensureSymbolIndexes() {
        return ensure(symbolIndexes);
    }

    /** Creates the missing list indexes in the same way. */
    public Uni<Void> ensureListIndexes() {
        return ensure(listIndexes);
    }

    private Uni<Void> ensure(List<SecondaryIndex> declared) {
        return commands.list()
                .chain(existing -> Multi.createFrom()
                        .iterable(declared)
                        .filter(index -> existing.stream().noneMatch(index::matches)
                                && !capabilities.missing().contains(index.name()))
                        .onItem()
                        .transformToUniAndConcatenate(this::create)
                        .collect()
                        .last());
    }

    private Uni<Void> create(SecondaryIndex index) {
        IndexOptions options = new IndexOptions();
        if (!index.filter().isEmpty()) {
            options.partialFilterExpression(index.filter());
        }
        return commands.create(index.key(), index.name(), options)
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithUni(refused -> {
                    capabilities.lacks(index.name(), index.consequence() + ": " + refused.getMessage());
                    return Uni.createFrom().voidItem();
                });
    }
}
