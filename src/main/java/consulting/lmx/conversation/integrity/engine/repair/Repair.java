package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.ExtendedJson;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.text.Text;
import java.time.Instant;
import java.util.List;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.conversions.Bson;

/**
 * The repair of one key of one document.
 *
 * @param id the document's {@code _id}
 * @param was the value that was read; Java's null if the field is missing
 * @param value the new value
 * @param kept how the repair record keeps the old value
 */
public record Repair(BsonValue id, BsonValue was, Defect defect, String value, Kept kept) {

    /** How the repair record keeps the old value. */
    enum Kept {
        UNCHANGED,
        /** As text, because the server accepts the value only where it is. */
        AS_TEXT,
        /** There is no record, because the server accepts none. */
        NOT
    }

    /** In bytes: the server itself copies a larger value into the record. */
    private static final int MAX_SENT_IN_RECORD = 1_000;

    /** In bytes: a command has room for the value in the guard and in the record. */
    private static final int MAX_SENT_TWICE = 6_000_000;

    private static final BsonDocumentCodec CODEC = new BsonDocumentCodec();

    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    Repair(BsonValue id, BsonValue was, Defect defect, String value) {
        this(id, was, defect, value, Kept.UNCHANGED);
    }

    /** The repair of any defect but a duplicate. A binary UUID becomes its text; everything else gets a generated value. */
    public static Repair of(BsonValue id, BsonValue was, Defect defect, RequiredKey key) {
        String value = defect == Defect.BINARY_UUID
                ? was.asBinary().asUuid().toString()
                : key.generator().get();
        return new Repair(id, was, defect, value);
    }

    /** The repair to send after the index refused the new value, because another document has it. */
    Repair asDuplicate(RequiredKey key) {
        return new Repair(id, was, Defect.DUPLICATE, key.generator().get(), kept);
    }

    /** The repair to send after the server refused to store the old value in the record. */
    Repair withSimplerRecord() {
        boolean shortText = kept == Kept.UNCHANGED && was != null && !was.isNull() && size() <= MAX_SENT_TWICE / 6;
        return new Repair(id, was, defect, value, shortText ? Kept.AS_TEXT : Kept.NOT);
    }

    /** The repair to send after the document became too large with the record. */
    Repair withoutRecord() {
        return new Repair(id, was, defect, value, Kept.NOT);
    }

    /** One atomic update. It does nothing if the value is no longer the one that was read. */
    UpdateOneModel<BsonDocument> model(
            RequiredKey key, String updatedField, Instant at, String run, boolean supportsPipelines) {
        Bson filter = Filters.and(Filters.eq("_id", id), guard(key.field(), was));
        if (kept == Kept.NOT) {
            BsonDocument bare = new BsonDocument(key.field(), new BsonString(value));
            return new UpdateOneModel<>(filter, new BsonDocument("$set", bare), SIMPLE);
        }
        BsonDateTime time = new BsonDateTime(at.toEpochMilli());
        BsonDocument record = new BsonDocument("reason", new BsonString(defect.word()));
        boolean serverCopies = supportsPipelines && needsServerCopy();
        if (serverCopies) {
            record.append("was", new BsonString("$" + key.field()));
        } else if (was != null && !was.isNull()) {
            record.append("was", kept == Kept.AS_TEXT ? text("was", was) : was);
        }
        record.append("at", time).append("run", new BsonString(run));
        BsonDocument set = new BsonDocument(key.field(), new BsonString(value)).append(updatedField, time);
        return serverCopies
                ? new UpdateOneModel<>(
                        filter,
                        List.of(new BsonDocument(
                                "$set", set.append(key.repairField(), new BsonDocument("$mergeObjects", record)))),
                        SIMPLE)
                : new UpdateOneModel<>(filter, new BsonDocument("$set", set.append(key.repairField(), record)), SIMPLE);
    }

    /** Whether the update exceeds the size of a command. A server with pipelines copies the value itself. */
    boolean isTooLargeToSend(boolean supportsPipelines) {
        return kept == Kept.UNCHANGED && !supportsPipelines && size() > MAX_SENT_TWICE;
    }

    private boolean needsServerCopy() {
        return kept == Kept.UNCHANGED && (was == StoredKey.INVALID_UTF8 || size() > MAX_SENT_IN_RECORD);
    }

    /** The size of the old value in bytes. */
    private int size() {
        return was == null
                ? 0
                : new RawBsonDocument(new BsonDocument("", was), CODEC)
                        .getByteBuffer()
                        .remaining();
    }

    /** The value as Extended JSON in a document {@code {name: value}}, because Extended JSON represents documents only. */
    private static BsonString text(String name, BsonValue value) {
        return new BsonString(ExtendedJson.of(new BsonDocument(name, value)));
    }

    /** Matches {@code was} in {@code field} and no other value. */
    static Bson guard(String field, BsonValue was) {
        if (was == null) {
            return Filters.exists(field, false);
        }
        if (was == StoredKey.INVALID_UTF8) {
            return Filters.and(Filters.type(field, BsonType.STRING), Filters.not(Filters.regex(field, Text.NOT_BLANK)));
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
