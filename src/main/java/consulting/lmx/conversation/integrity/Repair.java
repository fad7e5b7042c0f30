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
 */
record Repair(BsonValue id, BsonValue was, Defect defect, String value) {

    /** The repair of a value that has a defect of its own. */
    static Repair of(BsonValue id, BsonValue was, Defect defect, RequiredKey key) {
        String value = defect == Defect.BINARY_UUID
                ? was.asBinary().asUuid().toString()
                : key.maker().get();
        return new Repair(id, was, defect, value);
    }

    /** The same document under a new value, after the index had refused the one meant for it: another document has that. */
    Repair asDuplicate(RequiredKey key) {
        return new Repair(id, was, Defect.DUPLICATE, key.maker().get());
    }

    /** One atomic update, which does nothing where the value is no longer the one that was read. */
    UpdateOneModel<BsonDocument> model(RequiredKey key, String updatedField, Instant at, String run) {
        BsonDateTime time = new BsonDateTime(at.toEpochMilli());
        BsonDocument record = new BsonDocument("reason", new BsonString(defect.word()));
        if (was != null && !was.isNull()) {
            record.append("was", was);
        }
        record.append("at", time).append("run", new BsonString(run));
        BsonDocument set = new BsonDocument(key.field(), new BsonString(value))
                .append(updatedField, time)
                .append(key.repairField(), record);
        return new UpdateOneModel<>(
                Filters.and(Filters.eq("_id", id), guard(key.field())), new BsonDocument("$set", set));
    }

    private Bson guard(String field) {
        if (was == null) {
            return Filters.exists(field, false);
        }
        if (was.getBsonType() == BsonType.UNDEFINED || was.getBsonType() == BsonType.REGULAR_EXPRESSION) {
            // neither can be asked for by equality on every server
            return Filters.and(Filters.exists(field), Filters.not(Filters.type(field, BsonType.STRING)));
        }
        return Filters.and(
                Filters.exists(field), Filters.eq(field, was)); // equality with null matches a missing field too
    }
}
