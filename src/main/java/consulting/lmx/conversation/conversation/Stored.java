package consulting.lmx.conversation.conversation;

import java.time.Instant;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/** Reads fields of a stored document, whose types nobody guarantees: null where a field is missing or of another type. */
final class Stored {

    private Stored() {}

    static String string(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isString() ? value.asString().getValue() : null;
    }

    static Instant instant(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isDateTime()
                ? Instant.ofEpochMilli(value.asDateTime().getValue())
                : null;
    }

    static BsonDocument document(BsonDocument document, String field) {
        BsonValue value = document.get(field);
        return value != null && value.isDocument() ? value.asDocument() : null;
    }
}
