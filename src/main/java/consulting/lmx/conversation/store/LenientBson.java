package consulting.lmx.conversation.store;

import java.time.Instant;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/** Reads fields of a stored document, which may have any type. */
public final class LenientBson {

    private LenientBson() {}

    /** The string; null if the field is missing or has another type. */
    public static String string(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isString() ? value.asString().getValue() : null;
    }

    /** The date; null if the field is missing or has another type. */
    public static Instant instant(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isDateTime()
                ? Instant.ofEpochMilli(value.asDateTime().getValue())
                : null;
    }

    /** The document; null if the field is missing or has another type. */
    public static BsonDocument document(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isDocument() ? value.asDocument() : null;
    }

    /** The number as an int; 0 if the field is missing or has another type. */
    static int integer(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isNumber() ? value.asNumber().intValue() : 0;
    }

    /** The array; an empty one if the field is missing or has another type. */
    static BsonArray array(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isArray() ? value.asArray() : new BsonArray();
    }
}
