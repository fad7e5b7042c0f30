package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;
import static consulting.lmx.conversation.store.MessageQuery.operator;

import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * A position in a list of conversations, which is ordered by {@code updatedAt} and {@code _id}, both descending. Both fields may
 * have any type.
 *
 * @param updatedAt the value by which the last conversation before this position is sorted
 * @param id the {@code _id} of that conversation
 */
public record ListPosition(BsonValue updatedAt, BsonValue id) {

    /** In a list's result: the value by which the conversation is sorted. */
    static final String SORTED_BY = "sortedBy";

    private static final BsonString STORED = new BsonString("$" + UPDATED_AT);

    /** An expression: the value by which the server sorts a conversation. It sorts an array by its greatest element. */
    static final BsonDocument SORT_VALUE = operator(
            "$ifNull",
            operator("$cond", operator("$isArray", STORED), operator("$max", STORED), STORED),
            BsonNull.VALUE);

    /** Returns the position after this conversation of a list. */
    public static ListPosition after(StoredConversation conversation) {
        return new ListPosition(conversation.document().get(SORTED_BY), conversation.id());
    }

    /**
     * A filter for the user's conversations after this position. An expression compares values of all types, but cannot use the
     * list's index. So a condition on the index leaves out all newer dates.
     */
    BsonDocument filter(String user) {
        BsonDocument filter = new BsonDocument(USER_ID, new BsonString(user));
        if (updatedAt.isDateTime()) {
            filter.append(UPDATED_AT, new BsonDocument("$not", new BsonDocument("$gt", updatedAt)));
        }
        BsonDocument value = operator("$literal", updatedAt);
        BsonDocument lowerId = operator("$lt", new BsonString("$" + ID), operator("$literal", id));
        BsonDocument tie = operator("$and", operator("$eq", SORT_VALUE, value), lowerId);
        return filter.append("$expr", operator("$or", operator("$lt", SORT_VALUE, value), tie));
    }
}
