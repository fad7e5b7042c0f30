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

    /** Whether it is an index of {@code field} alone, in either direction. */
    public boolean isOf(String field) {
        BsonValue direction = key().get(field);
        return key().size() == 1 && direction != null && direction.isNumber();
    }

    public boolean isAscending(String field) {
        return isOf(field) && key().getNumber(field).intValue() == 1;
    }

    public boolean isUnique() {
        return flag("unique");
    }

    /** Whether it sees every document, as an index must by which uniqueness is held: not sparse, not partial. */
    public boolean isWhole() {
        return !flag("sparse") && !description.containsKey("partialFilterExpression");
    }

    /** Which documents it sees; empty for all. */
    public BsonDocument filter() {
        return description.getDocument("partialFilterExpression", new BsonDocument());
    }

    public boolean isHidden() {
        return flag("hidden");
    }

    /** Whether it compares strings byte by byte. */
    public boolean isSimple() {
        BsonDocument collation = description.getDocument("collation", new BsonDocument());
        return "simple"
                .equals(collation.getString("locale", new BsonString("simple")).getValue());
    }

    /** Whether it is the declared one: ascending, unique, of every document, byte by byte, and in use. */
    public boolean isDeclared(String field) {
        return isAscending(field) && isUnique() && isWhole() && isSimple() && !isHidden();
    }

    /** Whether only its uniqueness is missing, so that the server may convert it where it stands. */
    public boolean lacksOnlyUniqueness(String field) {
        return isAscending(field) && !isUnique() && isWhole() && isSimple() && !isHidden();
    }

    /**
     * Whether it stands in for the declared one on a sharded collection whose shards cannot hold the key unique; its name
     * says so, since nothing else tells it from one that was never converted.
     */
    public boolean isAcrossShards(String field) {
        return name().equals(acrossShards(field)) && lacksOnlyUniqueness(field);
    }

    /** Whether it is the declared one, or what stands in for it. */
    public boolean serves(String field) {
        return isDeclared(field) || isAcrossShards(field);
    }

    public static String acrossShards(String field) {
        return field + "_1_across_shards";
    }

    /** After how many seconds documents are deleted by it; empty where it deletes none. */
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
