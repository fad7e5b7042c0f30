package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CONTENT;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.IDEMPOTENCY_KEY;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.METADATA_BYTES;
import static consulting.lmx.conversation.store.ConversationFields.REQUEST_DIGEST;
import static consulting.lmx.conversation.store.ConversationFields.ROLE;
import static consulting.lmx.conversation.store.ConversationFields.TIMESTAMP;

import java.util.List;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonInt64;
import org.bson.BsonNull;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonTimestamp;
import org.bson.BsonValue;
import org.bson.types.ObjectId;

/**
 * Builds the aggregation that reads messages of a conversation's document or of a block. The server returns the sizes of the
 * messages instead if their text exceeds a bound, so that no reply is larger than expected. The stages use only operators of
 * MongoDB 4.0 and the embedded server; {@code $bsonSize} needs 4.4.
 */
final class MessageQuery {

    /** In the result: the number of messages in the document. */
    static final String COUNT = "count";

    /** In the result: the size of each message in bytes; empty if the result has the messages. */
    static final String SIZES = "sizes";

    /** In the result: the size of all messages in bytes. */
    static final String BYTES = "bytes";

    /** In the result: the {@code _id}s of the newest messages; null for a message without one. */
    static final String NEWEST_IDS = "newest";

    /** The memory that a message takes beside its text. */
    static final int OBJECT_BYTES = 100;

    private static final BsonString MESSAGE = new BsonString("$$message");

    /** An expression: the messages of the document; empty if the field is not an array. */
    static final BsonValue LIST = operator(
            "$cond",
            operator("$isArray", new BsonString("$" + MESSAGES)),
            new BsonString("$" + MESSAGES),
            new BsonArray());

    static final BsonValue FIRST_OBJECT_ID = new BsonObjectId(new ObjectId(new byte[12]));

    /** In an expression: the size of what must not be read. */
    private static final BsonInt32 UNBOUNDED = new BsonInt32(1 << 30);

    private static final BsonValue NOTHING = new BsonDocument("$literal", new BsonArray());

    /** Built once: a read under load would hold hundreds of documents for each. */
    private static final BsonValue SIZES_OF_MESSAGES = map(new BsonString("$" + MESSAGES), size());

    private static final BsonValue KNOWN_MESSAGES = map(new BsonString("$" + MESSAGES), known());

    private MessageQuery() {}

    /**
     * Returns the stages that follow a {@code $match}.
     *
     * @param fields further fields of the result
     * @param first an expression: the index of the document's first message
     * @param maxBytes the most text of the result
     */
    static List<BsonDocument> stages(List<String> fields, BsonValue first, MessageWindow window, long maxBytes) {
        BsonDocument read =
                include(fields).append(COUNT, operator("$size", LIST)).append(MESSAGES, slice(first, window));
        BsonDocument measured = include(fields)
                .append(COUNT, new BsonInt32(1))
                .append(MESSAGES, new BsonInt32(1))
                .append(SIZES, SIZES_OF_MESSAGES);
        BsonValue fits = operator("$lte", operator("$sum", new BsonString("$" + SIZES)), new BsonInt64(maxBytes));
        BsonDocument bounded = include(fields)
                .append(COUNT, new BsonInt32(1))
                .append(SIZES, operator("$cond", fits, NOTHING, new BsonString("$" + SIZES)))
                .append(MESSAGES, operator("$cond", fits, KNOWN_MESSAGES, NOTHING));
        return List.of(
                new BsonDocument("$project", read),
                new BsonDocument("$project", measured),
                new BsonDocument("$project", bounded));
    }

    /** A projection of the size of each message; {@link #summary} follows it. */
    static BsonDocument sizes(List<String> fields) {
        return include(fields).append(SIZES, map(LIST, size()));
    }

    /** A projection of the number and the size of all messages, and the sizes of the oldest ones. */
    static BsonDocument summary(List<String> fields, int oldest) {
        BsonString sizes = new BsonString("$" + SIZES);
        return include(fields)
                .append(COUNT, operator("$size", sizes))
                .append(BYTES, operator("$sum", sizes))
                .append(SIZES, operator("$slice", sizes, new BsonInt32(oldest)));
    }

    /**
     * A condition for {@code $expr}: the messages take at most this many bytes. It is false, or the server fails, if a message is not
     * a document or has a known field of another type.
     */
    static BsonDocument isShort(long maxBytes) {
        BsonValue key = operator("$ifNull", field(IDEMPOTENCY_KEY), new BsonString(""));
        BsonValue digest = operator("$ifNull", field(REQUEST_DIGEST), new BsonString(""));
        BsonValue id = operator(
                "$cond",
                operator("$or", operator("$lte", field(ID), BsonNull.VALUE), isObjectId()),
                new BsonInt32(0),
                UNBOUNDED);
        BsonValue metadata = operator(
                "$cond",
                operator("$lte", field(METADATA), BsonNull.VALUE),
                new BsonInt32(0),
                operator("$ifNull", field(METADATA_BYTES), UNBOUNDED));
        BsonValue noDateFails = operator("$subtract", field(TIMESTAMP), field(TIMESTAMP));
        BsonValue size = operator(
                "$add",
                new BsonInt32(OBJECT_BYTES),
                operator("$strLenBytes", field(CONTENT)),
                operator("$strLenBytes", field(ROLE)),
                operator("$strLenBytes", key),
                operator("$strLenBytes", digest),
                id,
                metadata,
                operator("$ifNull", noDateFails, new BsonInt32(0)));
        return operator("$lte", operator("$sum", map(new BsonString("$" + MESSAGES), size)), new BsonInt64(maxBytes));
    }

    /** A projection of these fields and the known fields of messages. */
    static BsonDocument projection(List<String> fields) {
        BsonDocument projection = include(fields);
        List.of(ID, ROLE, CONTENT, TIMESTAMP, METADATA, METADATA_BYTES, IDEMPOTENCY_KEY, REQUEST_DIGEST)
                .forEach(field -> projection.append(MESSAGES + "." + field, new BsonInt32(1)));
        return projection;
    }

    /** A projection of these fields. */
    static BsonDocument include(List<String> fields) {
        BsonDocument projection = new BsonDocument();
        fields.forEach(field -> projection.append(field, new BsonInt32(1)));
        return projection;
    }

    private static BsonValue slice(BsonValue first, MessageWindow window) {
        BsonValue until = window.high() == Integer.MAX_VALUE
                ? LIST
                : operator("$slice", LIST, atLeastZero(new BsonInt32(window.high()), first));
        return window.isForward()
                ? operator(
                        "$slice", until, atLeastZero(new BsonInt32(window.low()), first), new BsonInt32(window.limit()))
                : operator("$slice", until, new BsonInt32(-window.limit()));
    }

    private static BsonValue atLeastZero(BsonValue index, BsonValue first) {
        return operator("$max", new BsonInt32(0), operator("$subtract", index, first));
    }

    /** An expression: the position of the first message for which {@code each} is {@code wanted}; -1 if there is none. */
    static BsonDocument positionOf(BsonValue each, BsonValue wanted) {
        return operator("$indexOfArray", map(LIST, each), wanted);
    }

    /** An expression: the position of the message that was sent with this idempotency key; -1 if there is none. */
    static BsonDocument positionOfKey(String key) {
        BsonValue hasKey = operator("$eq", field(IDEMPOTENCY_KEY), new BsonDocument("$literal", new BsonString(key)));
        return positionOf(hasKey, BsonBoolean.TRUE);
    }

    /** An expression: the {@code _id}s of the newest messages. */
    static BsonValue newestIds(int max) {
        return map(operator("$slice", LIST, new BsonInt32(-max)), operator("$ifNull", field(ID), BsonNull.VALUE));
    }

    private static BsonValue map(BsonValue list, BsonValue each) {
        return new BsonDocument(
                "$map",
                new BsonDocument("input", list)
                        .append("as", new BsonString("message"))
                        .append("in", each));
    }

    /** An expression: the memory of a message in bytes. Values of other types count as 0, because they are not read. */
    private static BsonValue size() {
        return operator(
                "$add",
                new BsonInt32(OBJECT_BYTES),
                length(ROLE),
                length(CONTENT),
                length(IDEMPOTENCY_KEY),
                length(REQUEST_DIGEST),
                operator("$cond", hasMetadata(), field(METADATA_BYTES), new BsonInt32(0)));
    }

    private static BsonValue length(String field) {
        BsonDocument text = new BsonDocument("input", text(field))
                .append("to", new BsonString("string"))
                .append("onError", new BsonString("")) // for a symbol
                .append("onNull", new BsonString(""));
        return operator("$strLenBytes", new BsonDocument("$convert", text));
    }

    /** An expression: the known fields of a message, each only if it has its type. */
    private static BsonDocument known() {
        return new BsonDocument(ID, operator("$cond", isObjectId(), field(ID), BsonNull.VALUE))
                .append(ROLE, text(ROLE))
                .append(CONTENT, text(CONTENT))
                .append(TIMESTAMP, date())
                .append(METADATA, operator("$cond", hasMetadata(), field(METADATA), BsonNull.VALUE))
                .append(METADATA_BYTES, operator("$cond", hasMetadata(), field(METADATA_BYTES), BsonNull.VALUE))
                .append(IDEMPOTENCY_KEY, text(IDEMPOTENCY_KEY))
                .append(REQUEST_DIGEST, text(REQUEST_DIGEST));
    }

    private static BsonValue date() {
        BsonValue timestamp = field(TIMESTAMP);
        BsonValue isDate = operator(
                "$and",
                operator("$gt", timestamp, BsonBoolean.TRUE),
                operator("$lt", timestamp, new BsonTimestamp(0, 0)));
        return operator("$cond", isDate, timestamp, BsonNull.VALUE);
    }

    private static BsonValue isObjectId() {
        return isIn(field(ID), FIRST_OBJECT_ID, BsonBoolean.FALSE);
    }

    /** Whether the size of the metadata is known. Numbers sort before strings, and NaN before all other numbers. */
    private static BsonValue hasMetadata() {
        return isIn(field(METADATA_BYTES), new BsonInt32(0), new BsonString(""));
    }

    /**
     * An expression: a list that contains role, timestamp and at most {@code characters} of the content of the newest message. The
     * list is empty if the document has no messages.
     */
    static BsonValue newest(int characters) {
        BsonValue beginning = operator("$substrCP", field(CONTENT), new BsonInt32(0), new BsonInt32(characters));
        return map(
                operator("$slice", LIST, new BsonInt32(-1)),
                new BsonDocument(ROLE, text(ROLE))
                        .append(CONTENT, operator("$cond", isText(CONTENT), beginning, BsonNull.VALUE))
                        .append(TIMESTAMP, date()));
    }

    /** An expression: the field if it is a string or a symbol, which share a range in the order of types; else null. */
    private static BsonValue text(String field) {
        return operator("$cond", isText(field), field(field), BsonNull.VALUE);
    }

    private static BsonValue isText(String field) {
        return isIn(field(field), new BsonString(""), new BsonDocument("$literal", new BsonDocument()));
    }

    /** An expression: whether a value is in the range from {@code from} (inclusive) to {@code to} (exclusive) of the order of types. */
    static BsonValue isIn(BsonValue value, BsonValue from, BsonValue to) {
        return operator("$and", operator("$gte", value, from), operator("$lt", value, to));
    }

    private static BsonValue field(String field) {
        return new BsonString(MESSAGE.getValue() + "." + field);
    }

    /** An expression. */
    static BsonDocument operator(String operator, BsonValue... operands) {
        return new BsonDocument(operator, operands.length == 1 ? operands[0] : new BsonArray(List.of(operands)));
    }
}
