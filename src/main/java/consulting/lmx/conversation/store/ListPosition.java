package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;

/**
 * A position in a list of conversations, which is ordered by {@code updatedAt} and {@code _id}, both descending. Both fields may
 * have any type. The list follows MongoDB's order across types, but a query compares values within one type only.
 *
 * @param updatedAt the value of the last conversation before this position; BSON null if it has none
 * @param id the {@code _id} of the last conversation before this position
 */
public record ListPosition(BsonValue updatedAt, BsonValue id) {

    /**
     * The types in ascending order; MongoDB compares the types in one line with each other. Arrays are missing: they sort by one
     * of their elements, and a query for them cannot use the index.
     */
    private static final List<List<BsonType>> ORDER = List.of(
            List.of(BsonType.MIN_KEY),
            List.of(BsonType.UNDEFINED),
            List.of(BsonType.NULL),
            List.of(BsonType.INT32, BsonType.INT64, BsonType.DOUBLE, BsonType.DECIMAL128),
            List.of(BsonType.STRING, BsonType.SYMBOL),
            List.of(BsonType.DOCUMENT),
            List.of(BsonType.BINARY),
            List.of(BsonType.OBJECT_ID),
            List.of(BsonType.BOOLEAN),
            List.of(BsonType.DATE_TIME),
            List.of(BsonType.TIMESTAMP),
            List.of(BsonType.REGULAR_EXPRESSION),
            List.of(BsonType.DB_POINTER),
            List.of(BsonType.JAVASCRIPT),
            List.of(BsonType.JAVASCRIPT_WITH_SCOPE),
            List.of(BsonType.MAX_KEY));

    /** Not every server accepts these in a query. Strings include symbols, and null includes undefined before MongoDB 8.0. */
    private static final Set<BsonType> DEPRECATED = EnumSet.of(
            BsonType.UNDEFINED,
            BsonType.SYMBOL,
            BsonType.DB_POINTER,
            BsonType.JAVASCRIPT,
            BsonType.JAVASCRIPT_WITH_SCOPE);

    /** The types that the server rejects as {@code _id}. */
    private static final Set<BsonType> NO_ID =
            EnumSet.of(BsonType.ARRAY, BsonType.REGULAR_EXPRESSION, BsonType.UNDEFINED);

    /** @throws IllegalArgumentException if no conversation can have this position */
    public ListPosition {
        if (updatedAt.isArray() || NO_ID.contains(id.getBsonType())) {
            throw new IllegalArgumentException("No conversation can have this position");
        }
    }

    /** Returns the position after this conversation. */
    public static ListPosition after(StoredConversation conversation) {
        BsonValue updatedAt = conversation.document().getOrDefault(UPDATED_AT, BsonNull.VALUE);
        return new ListPosition(updatedAt.isArray() ? BsonNull.VALUE : updatedAt, conversation.id());
    }

    /** A filter for the user's conversations after this position. Each alternative is one range of the list's index. */
    BsonDocument filter(String user) {
        BsonArray any = new BsonArray();
        below(id)
                .forEach(lower ->
                        any.add(of(user).append(UPDATED_AT, equal(updatedAt)).append(ID, lower)));
        below(updatedAt).forEach(lower -> any.add(of(user).append(UPDATED_AT, lower)));
        if (ORDER.indexOf(List.of(BsonType.NULL)) < rank(updatedAt)) {
            any.add(of(user).append(UPDATED_AT, BsonNull.VALUE)); // includes a missing field
        }
        return new BsonDocument("$or", any);
    }

    private static BsonDocument of(String user) {
        return new BsonDocument(USER_ID, new BsonString(user));
    }

    private static BsonDocument equal(BsonValue value) {
        return value.getBsonType() == BsonType.UNDEFINED
                ? new BsonDocument("$type", number(BsonType.UNDEFINED))
                : new BsonDocument("$eq", value);
    }

    private static int rank(BsonValue value) {
        int rank = 0;
        while (!ORDER.get(rank).contains(value.getBsonType())) {
            rank++;
        }
        return rank;
    }

    /** Returns conditions on a field, one of which holds if the field exists and sorts before {@code value}. */
    private static List<BsonDocument> below(BsonValue value) {
        List<BsonDocument> any = new ArrayList<>();
        if (hasOrder(value)) {
            any.add(new BsonDocument("$lt", value));
        }
        BsonArray lowerTypes = new BsonArray();
        ORDER.subList(0, rank(value)).stream()
                .flatMap(List::stream)
                .filter(type -> !DEPRECATED.contains(type))
                .forEach(type -> lowerTypes.add(number(type)));
        if (!lowerTypes.isEmpty()) {
            any.add(new BsonDocument("$type", lowerTypes));
        }
        return any;
    }

    /** Whether a query can compare values of its type. */
    private static boolean hasOrder(BsonValue value) {
        return switch (value.getBsonType()) {
            case NULL, UNDEFINED, MIN_KEY, MAX_KEY, REGULAR_EXPRESSION -> false;
            default -> true;
        };
    }

    private static BsonInt32 number(BsonType type) {
        return new BsonInt32(type == BsonType.MIN_KEY ? -1 : type.getValue());
    }
}
