package consulting.lmx.conversation.integrity.engine.model;

import java.util.OptionalLong;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;

/** An index as the server lists it. */
public record IndexView(BsonDocument description) {

    public String name() {
        return description.getString("name").getValue();
    }

    public BsonDocument key() {
        return description.getDocument("key");
    }

    /** Whether {@code field} is its only field, in either direction. */
    public boolean isOnlyOn(String field) {
        BsonValue direction = key().get(field);
        return key().size() == 1 && direction != null && direction.isNumber();
    }

    public boolean isAscending(String field) {
        return isOnlyOn(field) && key().getNumber(field).intValue() == 1;
    }

    public boolean isUnique() {
        return flag("unique");
    }

    public boolean isSparse() {
        return flag("sparse");
    }

    public boolean isHidden() {
        return flag("hidden");
    }

    /** Whether it is neither sparse nor partial. Only such an index can guarantee uniqueness. */
    public boolean coversAllDocuments() {
        return !isSparse() && !description.containsKey("partialFilterExpression");
    }

    /** The partial filter; empty if there is none. */
    public BsonDocument filter() {
        return description.getDocument("partialFilterExpression", new BsonDocument());
    }

    /** Whether it compares strings with the simple collation. */
    public boolean isSimple() {
        BsonDocument collation = description.getDocument("collation", new BsonDocument());
        return "simple"
                .equals(collation.getString("locale", new BsonString("simple")).getValue());
    }

    /** Whether it is the declared index of {@code field}: ascending, unique, of all documents, simple and not hidden. */
    public boolean isDeclared(String field) {
        return isUnique() && isAscending(field) && coversAllDocuments() && isSimple() && !isHidden();
    }

    /** Whether it differs from the declared index only in not being unique. */
    public boolean lacksOnlyUniqueness(String field) {
        return !isUnique() && isAscending(field) && coversAllDocuments() && isSimple() && !isHidden();
    }

    /**
     * Whether it replaces the declared index on a sharded collection that cannot enforce uniqueness. Only its name tells it
     * from an index that was never converted.
     */
    public boolean isAcrossShards(String field) {
        return name().equals(acrossShards(field)) && lacksOnlyUniqueness(field);
    }

    /** Whether it is the declared index or its replacement on a sharded collection. */
    public boolean serves(String field) {
        return isDeclared(field) || isAcrossShards(field);
    }

    public static String acrossShards(String field) {
        return field + "_1_across_shards";
    }

    /** The age in seconds at which the server deletes documents; empty if this is no TTL index. */
    public OptionalLong expiresAfter() {
        BsonValue seconds = description.get("expireAfterSeconds");
        return seconds != null && seconds.isNumber()
                ? OptionalLong.of(seconds.asNumber().longValue())
                : OptionalLong.empty();
    }

    private boolean flag(String option) {
        BsonValue value = description.get(option);
        return value instanceof BsonBoolean flag
                ? flag.getValue()
                : value != null && value.isNumber() && !value.equals(new BsonInt32(0));
    }
}
