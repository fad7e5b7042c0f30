package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.MessageQuery.operator;

import org.bson.BsonArray;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * Builds an expression that measures a value of any type, so that the server can leave out one that is too large.
 * {@code $bsonSize} needs MongoDB 4.4; this one uses only operators of MongoDB 4.0 and the embedded server.
 */
final class ValueSize {

    private static final BsonInt32 SCALAR = new BsonInt32(16);
    private static final BsonInt32 ELEMENT = new BsonInt32(8);
    private static final BsonInt32 TOO_LARGE = new BsonInt32(1 << 30);
    private static final BsonValue FIRST_STRING = new BsonString("");
    private static final BsonValue FIRST_DOCUMENT = literal(new BsonDocument());
    private static final BsonValue FIRST_ARRAY = literal(new BsonArray());
    private static final BsonValue FIRST_BINARY = new BsonBinary(new byte[0]);

    private ValueSize() {}

    /**
     * An expression: whether the field takes at most about {@code maxBytes} as BSON. Values that are nested deeper than
     * {@code depth} levels, and binary data, do not.
     */
    static BsonDocument isAtMost(String field, int depth, int maxBytes) {
        return operator("$lte", of(new BsonString("$" + field), depth), new BsonInt32(maxBytes));
    }

    private static BsonValue of(BsonValue value, int depth) {
        BsonValue other = operator(
                "$cond", MessageQuery.isIn(value, FIRST_BINARY, MessageQuery.FIRST_OBJECT_ID), TOO_LARGE, SCALAR);
        BsonValue array = depth == 0 ? TOO_LARGE : ofElements(value, depth);
        BsonValue document = depth == 0 ? TOO_LARGE : ofFields(value, depth);
        return operator(
                "$cond",
                MessageQuery.isIn(value, FIRST_STRING, FIRST_DOCUMENT),
                operator("$add", ELEMENT, operator("$strLenBytes", value)),
                operator(
                        "$cond",
                        MessageQuery.isIn(value, FIRST_DOCUMENT, FIRST_ARRAY),
                        document,
                        operator("$cond", operator("$isArray", value), array, other)));
    }

    private static BsonValue ofFields(BsonValue document, int depth) {
        String name = "field" + depth;
        BsonValue size = operator(
                "$add",
                ELEMENT,
                operator("$strLenBytes", new BsonString("$$" + name + ".k")),
                of(new BsonString("$$" + name + ".v"), depth - 1));
        return sum(operator("$objectToArray", document), name, size);
    }

    private static BsonValue ofElements(BsonValue array, int depth) {
        String name = "element" + depth;
        return sum(array, name, operator("$add", ELEMENT, of(new BsonString("$$" + name), depth - 1)));
    }

    private static BsonValue sum(BsonValue list, String name, BsonValue each) {
        return operator(
                "$sum",
                new BsonDocument(
                        "$map",
                        new BsonDocument("input", list)
                                .append("as", new BsonString(name))
                                .append("in", each)));
    }

    private static BsonValue literal(BsonValue value) {
        return new BsonDocument("$literal", value);
    }
}
