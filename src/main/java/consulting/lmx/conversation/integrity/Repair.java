package consulting.lmx.conversation.integrity;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.UpdateOneModel;
import java.time.Instant;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * One document's key, and what it becomes.
 *
 * @param id the document's {@code _id}
 * @param was the value that was read; Java's null where the field is missing
 * @param value the new value
 * @param wasAsText whether the record keeps the old value as text: where the server takes it in its own place alone
 */
record Repair(BsonValue id, BsonValue was, Defect defect, String value, boolean wasAsText) {

    Repair(BsonValue id, BsonValue was, Defect defect, String value) {
        this(id, was, defect, value, false);
    }

    /** The repair of a value that has a defect of its own. */
    static Repair of(BsonValue id, BsonValue was, Defect defect, RequiredKey key) {
        String value = defect == Defect.BINARY_UUID
                ? was.asBinary().asUuid().toString()
                : key.maker().get();
        return new Repair(id, was, defect, value);
    }

    /** The same document under a new value, after the index had refused the one meant for it: another document has that. */
    Repair asDuplicate(RequiredKey key) {
        return new Repair(id, was, Defect.DUPLICATE, key.maker().get(), wasAsText);
    }

    /** Whether its record holds a value that the server may not store there. */
    boolean keepsWas() {
        return was != null && !was.isNull() && !wasAsText;
    }

    /** The same, with a record that any server stores. */
    Repair withWasAsText() {
        return new Repair(id, was, defect, value, true);
    }

    /** One atomic update, which does nothing where the value is no longer the one that was read. */
    UpdateOneModel<BsonDocument> model(RequiredKey key, String updatedField, Instant at, String run) {
        BsonDateTime time = new BsonDateTime(at.toEpochMilli());
        BsonDocument record = new BsonDocument("reason", new BsonString(defect.word()));
        if (was != null && !was.isNull()) {
            record.append("was", wasAsText ? text("was", was) : was);
        }
        record.append("at", time).append("run", new BsonString(run));
        BsonDocument set = new BsonDocument(key.field(), new BsonString(value))
                .append(updatedField, time)
                .append(key.repairField(), record);
        return new UpdateOneModel<>(
                Filters.and(Filters.eq("_id", id), guard(key.field())), new BsonDocument("$set", set));
    }

    /** Canonical Extended JSON, which is of documents: {@code {name: value}}. */
    private static BsonString text(String name, BsonValue value) {
        return new BsonString(ExtendedJson.of(new BsonDocument(name, value)));
    }

    private Bson guard(String field) {
        if (was == null) {
            return Filters.exists(field, false);
        }
        if (was.getBsonType() == BsonType.UNDEFINED || was.getBsonType() == BsonType.REGULAR_EXPRESSION) {
            // neither can be asked for by equality on every server
            return Filters.and(Filters.exists(field), Filters.not(Filters.type(field, BsonType.STRING)));
        }
        // equality with null matches a missing field too; $eq, since the value's own names may look like operators
        return Filters.and(Filters.exists(field), new BsonDocument(field, new BsonDocument("$eq", was)));
    }
}
