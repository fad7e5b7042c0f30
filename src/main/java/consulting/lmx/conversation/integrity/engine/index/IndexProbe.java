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
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Sorts;
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
 * Asks the declared index of a key whether any document's key is broken: in constant time, however large the collection.
 * In an index everything that is no string sorts before or after all strings (a missing value as null), so its two ends
 * tell; strings that are blank stand together in a few short ranges; an index that has never seen an array says so of
 * itself; and the symbols among the strings have an index of their own. Uniqueness is the index's own, if it has it.
 */
public final class IndexProbe {

    private static final Logger LOG = Logger.getLogger(IndexProbe.class);

    private final MongoDatabase database;
    private final MongoCollection<BsonDocument> collection;
    private final SymbolIndexes symbols;

    public IndexProbe(MongoDatabase database, MongoCollection<BsonDocument> collection, SymbolIndexes symbols) {
        this.database = database;
        this.collection = collection;
        this.symbols = symbols;
    }

    /** What an index has to say. */
    public enum Verdict {
        SOUND,
        /** None is broken, but the index is one that cannot hold the key unique: duplicates have to be looked for. */
        NOT_UNIQUE,
        BROKEN,
        /** It has seen an array once, whose elements may hide between the strings: it has to be made anew to tell. */
        SAW_ARRAYS;

        static Verdict of(boolean sound, IndexView index) {
            if (!sound) {
                return BROKEN;
            }
            return index.isUnique() ? SOUND : NOT_UNIQUE;
        }
    }

    /** What {@code index}, the one that serves, says of the key. */
    public Uni<Verdict> ask(RequiredKey key, IndexView index) {
        return sawArrays(key, index).chain(arrays -> {
            if (arrays.isEmpty()) { // the server does not tell: it is asked for the documents
                return hasNoneBroken(key).map(sound -> Verdict.of(sound, index));
            }
            return arrays.contains(true)
                    ? Uni.createFrom().item(Verdict.SAW_ARRAYS)
                    : Uni.combine()
                            .all()
                            .unis(endsAreSound(key, index), hasNoSymbol(key, index))
                            .with((ends, noSymbol) -> Verdict.of(ends && noSymbol, index));
        });
    }

    /** By the index of symbols; without it, or while it is being made, by all keys of {@code index}. */
    private Uni<Boolean> hasNoSymbol(RequiredKey key, IndexView index) {
        return symbols.find(key)
                .chain(found -> found.isEmpty()
                        ? hasNoSymbol(key, index.name())
                        : hasNoSymbol(key, found.get().name())
                                .onFailure(MongoCommandException.class)
                                .recoverWithUni(() -> hasNoSymbol(key, index.name())));
    }

    private Uni<Boolean> hasNoSymbol(RequiredKey key, String index) {
        return Publishers.one(collection
                        .find(SymbolIndexes.filter(key))
                        .hintString(index)
                        .collation(Collations.SIMPLE)
                        .projection(include("_id"))
                        .limit(1))
                .map(found -> found == null);
    }

    private Uni<Boolean> endsAreSound(RequiredKey key, IndexView index) {
        Bson onlyKey = fields(excludeId(), include(key.field()));
        Uni<BsonDocument> first = Publishers.one(collection
                .find()
                .sort(Sorts.ascending(key.field()))
                .hintString(index.name())
                .collation(Collations.SIMPLE)
                .projection(onlyKey)
                .limit(1));
        Uni<BsonDocument> last = Publishers.one(collection
                .find()
                .sort(Sorts.descending(key.field()))
                .hintString(index.name())
                .collation(Collations.SIMPLE)
                .projection(onlyKey)
                .limit(1));
        Uni<BsonDocument> blank = Publishers.one(collection
                .find(blankRanges(key.field()))
                .hintString(index.name())
                .collation(Collations.SIMPLE)
                .projection(onlyKey)
                .limit(1));
        return Uni.combine().all().unis(first, last, blank).with((lowest, highest, anyBlank) -> {
            boolean sound = isSound(lowest, key) && isSound(highest, key) && anyBlank == null;
            LOG.debugf("event=probe field=%s sound=%s", key.field(), sound);
            return sound;
        });
    }

    private static boolean isSound(BsonDocument document, RequiredKey key) {
        return document == null || Defect.of(document.get(key.field())).isEmpty();
    }

    /** Where blank strings stand in an index: the ranges that begin with a white space, and the empty string. */
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

    /** Whether the index has ever held an array, by each shard's plan of a query; empty where the server explains none. */
    private Uni<Set<Boolean>> sawArrays(RequiredKey key, IndexView index) {
        BsonDocument find = new BsonDocument(
                        "find", new BsonString(collection.getNamespace().getCollectionName()))
                .append("filter", Filters.gte(key.field(), "").toBsonDocument())
                .append("hint", new BsonString(index.name()))
                .append("collation", Collations.SIMPLE.asDocument());
        BsonDocument explain = new BsonDocument("explain", find).append("verbosity", new BsonString("queryPlanner"));
        return Publishers.one(database.runCommand(explain, BsonDocument.class))
                .map(plan -> find(plan, "isMultiKey")
                        .map(value -> value.asBoolean().getValue())
                        .collect(Collectors.toSet()))
                .onFailure(MongoCommandException.class)
                .recoverWithItem(failure -> {
                    LOG.debugf("event=explain-refused cause=\"%s\"", failure.getMessage());
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
        BsonValue here = tree.asDocument().get(name);
        return here != null
                ? Stream.of(here)
                : tree.asDocument().values().stream().flatMap(part -> find(part, name));
    }

    private Uni<Boolean> hasNoneBroken(RequiredKey key) {
        return Publishers.one(collection
                        .find(Defect.filter(key.field()))
                        .collation(Collations.SIMPLE)
                        .projection(include("_id"))
                        .limit(1))
                .map(found -> found == null);
    }
}
