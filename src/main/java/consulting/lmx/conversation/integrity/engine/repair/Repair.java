package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.ExtendedJson;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.mongo.Collations;
import java.time.Instant;
import java.util.Optional;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonUndefined;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;

/**
 * The repair of one key of one document.
 *
 * @param id the document's {@code _id}
 * @param was the value that was read; Java's null if the field is missing
 * @param value the new value
 */
public record Repair(BsonValue id, BsonValue was, Defect defect, String value) {

    /** Stands for a value that only the server can copy: a large one, or a string that is not valid UTF-8. */
    public static final BsonValue UNSENDABLE = new BsonUndefined();

    /** In bytes: a batch of documents with such values fits in little memory. */
    private static final int SMALL_DOCUMENT = 2_000;

    /** In characters: a command has room for the value in the guard and in the record. */
    private static final int MAX_SENT_TWICE = 2_000_000;

    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    /** The repair of any defect but a duplicate. A binary UUID becomes its text; everything else gets a generated value. */
    public static Repair of(BsonValue id, BsonValue was, Defect defect, RequiredKey key) {
        String value = defect == Defect.BINARY_UUID
                ? was.asBinary().asUuid().toString()
                : key.generator().get();
        return new Repair(id, was, defect, value);
    }

    /** The repair of a document that matches {@link Defect#filter}; empty if this class finds the key valid. */
    public static Optional<Repair> of(RawBsonDocument document, RequiredKey key) {
        BsonValue was = document.get(key.field());
        boolean invalidUtf8 =
                was != null && was.isString() && was.asString().getValue().indexOf('\uFFFD') >= 0;
        boolean sendable = document.getByteBuffer().remaining() <= SMALL_DOCUMENT && !invalidUtf8;
        return Defect.of(was)
                .or(() -> invalidUtf8 ? Optional.of(Defect.BLANK) : Optional.empty())
                .map(defect -> of(
                        document.get("_id"), sendable || defect == Defect.BINARY_UUID ? was : UNSENDABLE, defect, key));
    }

    /** The repair to send after the index rejected the new value, because another document has it. */
    Repair asDuplicate(RequiredKey key) {
        return new Repair(id, was, Defect.DUPLICATE, key.generator().get());
    }

    /** Whether a command has room for the update with its record. */
    boolean fitsWithRecord() {
        return was != UNSENDABLE
                && (was == null || !was.isString() || was.asString().getValue().length() <= MAX_SENT_TWICE);
    }

    /**
     * One atomic update. It does nothing if the value is no longer the one that was read.
     *
     * @param asText whether the record keeps the old value as text, because the server accepts it only where it is
     */
    UpdateOneModel<BsonDocument> withRecord(
            RequiredKey key, String updatedField, Instant at, String run, boolean asText) {
        BsonDateTime time = new BsonDateTime(at.toEpochMilli());
        BsonDocument record = new BsonDocument("reason", new BsonString(defect.word()));
        if (was != null && !was.isNull()) {
            // Extended JSON represents documents only
            record.append("was", asText ? new BsonString(ExtendedJson.of(new BsonDocument("was", was))) : was);
        }
        record.append("at", time).append("run", new BsonString(run));
        return update(
                key,
                new BsonDocument(key.field(), new BsonString(value))
                        .append(updatedField, time)
                        .append(key.repairField(), record));
    }

    /** The same update of the key alone, for a document that the server does not store with the record. */
    UpdateOneModel<BsonDocument> withoutRecord(RequiredKey key) {
        return update(key, new BsonDocument(key.field(), new BsonString(value)));
    }

    private UpdateOneModel<BsonDocument> update(RequiredKey key, BsonDocument fields) {
        return new UpdateOneModel<>(
                Filters.and(Filters.eq("_id", id), guard(key.field(), was)), new BsonDocument("$set", fields), SIMPLE);
    }

    /** Matches {@code was} in {@code field} and no other value; any defect if the value cannot be sent. */
    static Bson guard(String field, BsonValue was) {
        if (was == null) {
            return Filters.exists(field, false);
        }
        if (was == UNSENDABLE) {
            return Defect.filter(field);
        }
        BsonType type = was.getBsonType();
        if (type == BsonType.UNDEFINED || type == BsonType.REGULAR_EXPRESSION) {
            // not every server matches these by equality
            return Filters.and(Filters.exists(field), Filters.not(Filters.type(field, BsonType.STRING)));
        }
        // the type too: numbers of all types are equal, and so are a symbol and a string
        Bson sameType = type == BsonType.ARRAY
                ? Filters.type(field, type)
                : Filters.and(Filters.type(field, type), Filters.not(Filters.type(field, BsonType.ARRAY)));
        // $eq: field names in the value may look like operators
        return Filters.and(sameType, new BsonDocument(field, new BsonDocument("$eq", was)));
    }
}
