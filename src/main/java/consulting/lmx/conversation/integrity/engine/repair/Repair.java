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
 * One document's key, and what it becomes.
 *
 * @param id the document's {@code _id}
 * @param was the value that was read; Java's null if the field is missing
 * @param value the new value
 */
public record Repair(BsonValue id, BsonValue was, Defect defect, String value, Kept kept) {

    /** What becomes of the old value. */
    enum Kept {
        /** It stands in the repair record. */
        AS_IT_WAS,
        /** The record has it as text, since the server takes it in its own place alone. */
        AS_TEXT,
        /** There is no record, since the server takes none. */
        NOTHING
    }

    /** The largest value that is sent to the server in a record; the server itself moves a larger one there. */
    private static final int SMALL = 1_000;

    /** The largest value that is sent twice in one command: as the guard and in the record. */
    private static final int TWICE = 6_000_000;

    private static final BsonDocumentCodec CODEC = new BsonDocumentCodec();

    private static final UpdateOptions SIMPLE = new UpdateOptions().collation(Collations.SIMPLE);

    Repair(BsonValue id, BsonValue was, Defect defect, String value) {
        this(id, was, defect, value, Kept.AS_IT_WAS);
    }

    /** The repair of a value that has a defect of its own. */
    public static Repair of(BsonValue id, BsonValue was, Defect defect, RequiredKey key) {
        String value = defect == Defect.BINARY_UUID
                ? was.asBinary().asUuid().toString()
                : key.maker().get();
        return new Repair(id, was, defect, value);
    }

    /** The same document under a new value, after the index had refused the one meant for it: another document has that. */
    Repair asDuplicate(RequiredKey key) {
        return new Repair(id, was, Defect.DUPLICATE, key.maker().get(), kept);
    }

    /** The same, after the server had refused to store the old value in the record. */
    Repair withLess() {
        boolean shortText = kept == Kept.AS_IT_WAS && was != null && !was.isNull() && size() <= TWICE / 6;
        return new Repair(id, was, defect, value, shortText ? Kept.AS_TEXT : Kept.NOTHING);
    }

    /** The same, after the document had become too large with the record. */
    Repair withoutRecord() {
        return new Repair(id, was, defect, value, Kept.NOTHING);
    }

    /** One atomic update, which does nothing if the value is no longer the one that was read. */
    UpdateOneModel<BsonDocument> model(
            RequiredKey key, String updatedField, Instant at, String run, boolean takesPipelines) {
        Bson filter = Filters.and(Filters.eq("_id", id), guard(key.field()));
        if (kept == Kept.NOTHING) {
            BsonDocument bare = new BsonDocument(key.field(), new BsonString(value));
            return new UpdateOneModel<>(filter, new BsonDocument("$set", bare), SIMPLE);
        }
        BsonDateTime time = new BsonDateTime(at.toEpochMilli());
        BsonDocument record = new BsonDocument("reason", new BsonString(defect.word()));
        boolean byTheServer = takesPipelines && isMovedByTheServer();
        if (byTheServer) {
            record.append("was", new BsonString("$" + key.field()));
        } else if (was != null && !was.isNull()) {
            record.append("was", kept == Kept.AS_TEXT ? text("was", was) : was);
        }
        record.append("at", time).append("run", new BsonString(run));
        BsonDocument set = new BsonDocument(key.field(), new BsonString(value)).append(updatedField, time);
        return byTheServer
                ? new UpdateOneModel<>(
                        filter,
                        List.of(new BsonDocument(
                                "$set", set.append(key.repairField(), new BsonDocument("$mergeObjects", record)))),
                        SIMPLE)
                : new UpdateOneModel<>(filter, new BsonDocument("$set", set.append(key.repairField(), record)), SIMPLE);
    }

    /** Whether what it sends is too large for one command if the server does not move the value itself. */
    boolean isTooLargeToSend(boolean takesPipelines) {
        return kept == Kept.AS_IT_WAS && !takesPipelines && size() > TWICE;
    }

    private boolean isMovedByTheServer() {
        return kept == Kept.AS_IT_WAS && (was == StoredKey.NO_TEXT || size() > SMALL);
    }

    /** In bytes. */
    private int size() {
        return was == null
                ? 0
                : new RawBsonDocument(new BsonDocument("", was), CODEC)
                        .getByteBuffer()
                        .remaining();
    }

    /** Canonical Extended JSON, which is of documents: {@code {name: value}}. */
    private static BsonString text(String name, BsonValue value) {
        return new BsonString(ExtendedJson.of(new BsonDocument(name, value)));
    }

    private Bson guard(String field) {
        return guard(field, was);
    }

    /** Finds {@code was} in {@code field}, and nothing else. */
    static Bson guard(String field, BsonValue was) {
        if (was == null) {
            return Filters.exists(field, false);
        }
        if (was == StoredKey.NO_TEXT) {
            return Filters.and(Filters.type(field, BsonType.STRING), Filters.not(Filters.regex(field, Text.NOT_BLANK)));
        }
        BsonType type = was.getBsonType();
        if (type == BsonType.UNDEFINED || type == BsonType.REGULAR_EXPRESSION) {
            // neither can be asked for by equality on every server
            return Filters.and(Filters.exists(field), Filters.not(Filters.type(field, BsonType.STRING)));
        }
        // the type too, since numbers of any type are equal, and so are a symbol and a string
        Bson ofItsType = type == BsonType.ARRAY
                ? Filters.type(field, type)
                : Filters.and(Filters.type(field, type), Filters.not(Filters.type(field, BsonType.ARRAY)));
        // $eq, since the value's own names may look like operators
        return Filters.and(ofItsType, new BsonDocument(field, new BsonDocument("$eq", was)));
    }
}
