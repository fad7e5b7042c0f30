package consulting.lmx.conversation.integrity.engine.index;

import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.gte;
import static com.mongodb.client.model.Filters.lt;
import static com.mongodb.client.model.Filters.or;
import static com.mongodb.client.model.Filters.regex;
import static com.mongodb.client.model.Projections.excludeId;
import static com.mongodb.client.model.Projections.fields;
import static com.mongodb.client.model.Projections.include;

import com.mongodb.MongoCommandException;
import com.mongodb.client.model.Sorts;
import com.mongodb.reactivestreams.client.FindPublisher;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Finds out from the index of a key whether any document is broken, in constant time however large the collection is. An
 * index sorts everything but strings before or after all strings, and a missing field as null, so its two ends show those.
 * Blank strings lie in a few short ranges. The query plan shows whether the index ever contained an array. Symbols have an
 * index of their own.
 */
public final class IndexProbe {

    private static final Logger LOG = Logger.getLogger(IndexProbe.class);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final SecondaryIndexes secondaryIndexes;

    public IndexProbe(
            MongoDatabase database, MongoCollection<BsonDocument> collection, SecondaryIndexes secondaryIndexes) {
        this.database = database;
        this.collection = collection;
        this.secondaryIndexes = secondaryIndexes;
    }

    /** What an index shows. */
    public enum Verdict {
        SOUND,
        /** No key is broken, but the index is not unique, so there may be duplicates. */
        NOT_UNIQUE,
        BROKEN,
        /** The index once contained an array. Only a new index can show whether it still does. */
        SAW_ARRAYS;

        static Verdict of(boolean sound, IndexView index) {
            if (!sound) {
                return BROKEN;
            }
            return index.isUnique() ? SOUND : NOT_UNIQUE;
        }
    }

    /** What {@code index} shows about the key. The index must serve the key. */
    public Uni<Verdict> ask(RequiredKey key, IndexView index) {
        return sawArrays(key, index).chain(arrays -> {
            if (arrays.isEmpty()) { // the server does not explain its plan
                return finds(collection.find(Defect.filter(key.field()))).map(broken -> Verdict.of(!broken, index));
            }
            return arrays.contains(true)
                    ? Uni.createFrom().item(Verdict.SAW_ARRAYS)
                    : Uni.combine()
                            .all()
                            .unis(endsAreSound(key, index), hasSymbols(key, index))
                            .with((ends, symbols) -> Verdict.of(ends && !symbols, index));
        });
    }

    /** If the index of symbols does not exist yet, or is still being built, this reads all keys of {@code index}. */
    private Uni<Boolean> hasSymbols(RequiredKey key, IndexView index) {
        return secondaryIndexes
                .findSymbolIndex(key)
                .chain(found -> found.isEmpty()
                        ? hasSymbols(key, index.name())
                        : hasSymbols(key, found.get().name())
                                .onFailure(MongoCommandException.class)
                                .recoverWithUni(() -> hasSymbols(key, index.name())));
    }

    private Uni<Boolean> hasSymbols(RequiredKey key, String index) {
        return finds(collection.find(SecondaryIndexes.symbols(key)).hintString(index));
    }

    private static Uni<Boolean> finds(FindPublisher<BsonDocument> query) {
        return Publishers.one(query.collation(Collations.SIMPLE)
                        .projection(include("_id"))
                        .limit(1))
                .map(found -> found != null);
    }

    private Uni<Boolean> endsAreSound(RequiredKey key, IndexView index) {
        String field = key.field();
        return Uni.combine()
                .all()
                .unis(
                        first(collection.find().sort(Sorts.ascending(field)), field, index),
                        first(collection.find().sort(Sorts.descending(field)), field, index),
                        first(collection.find(blankRanges(field)), field, index))
                .with((lowest, highest, blank) -> {
                    boolean sound = isSound(lowest, key) && isSound(highest, key) && blank == null;
                    LOG.debugf("event=probe field=%s sound=%s", field, sound);
                    return sound;
                });
    }

    /** The key of the first document in {@code index}, or null. */
    private static Uni<BsonDocument> first(FindPublisher<BsonDocument> query, String field, IndexView index) {
        return Publishers.one(query.hintString(index.name())
                .collation(Collations.SIMPLE)
                .projection(fields(excludeId(), include(field)))
                .limit(1));
    }

    private static boolean isSound(BsonDocument document, RequiredKey key) {
        return document == null || Defect.of(document.get(key.field())).isEmpty();
    }

    /** The ranges of an index that contain blank strings: those that begin with white space, and the empty string. */
    private static Bson blankRanges(String field) {
        return or(
                blankBetween(field, "", "!"),
                blankBetween(field, "\u0085", "\u0086"),
                blankBetween(field, "\u00a0", "\u00a1"),
                blankBetween(field, "\u1680", "\u1681"),
                blankBetween(field, "\u2000", "\u2030"),
                blankBetween(field, "\u205f", "\u2060"),
                blankBetween(field, "\u3000", "\u3001"));
    }

    private static Bson blankBetween(String field, String from, String to) {
        return and(gte(field, from), lt(field, to), regex(field, Text.BLANK));
    }

    /** Whether the index ever contained an array, from the plan of each shard; empty if the server does not explain plans. */
    private Uni<Set<Boolean>> sawArrays(RequiredKey key, IndexView index) {
        BsonDocument find = new BsonDocument(
                        "find", new BsonString(collection.getNamespace().getCollectionName()))
                .append("filter", gte(key.field(), "").toBsonDocument())
                .append("hint", new BsonString(index.name()))
                .append("collation", Collations.SIMPLE.asDocument());
        BsonDocument explain = new BsonDocument("explain", find).append("verbosity", new BsonString("queryPlanner"));
        return Publishers.one(database.runCommand(explain, BsonDocument.class))
                .map(plan -> find(plan, "isMultiKey")
                        .map(value -> value.asBoolean().getValue())
                        .collect(Collectors.toSet()))
                .onFailure(MongoCommandException.class)
                .recoverWithItem(failure -> {
                    LOG.debugf("event=explain-rejected cause=\"%s\"", failure.getMessage());
                    return Set.of();
                });
    }

    private static Stream<BsonValue> find(BsonValue tree, String name) {
        if (tree.isArray()) {
            return tree.asArray().stream().flatMap(part -> find(part, name));
        }
        if (!tree.isDocument()) {
            return Stream.empty();
        }
        BsonValue value = tree.asDocument().get(name);
        return value != null
                ? Stream.of(value)
                : tree.asDocument().values().stream().flatMap(part -> find(part, name));
    }
}
