package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.UPDATED_AT;

import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.error.ServiceException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonSerializationException;
import org.bson.BsonValue;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/**
 * A place in the caller's list, between two conversations: opaque to him, and right whatever comes or goes meanwhile, since
 * it names the last one that was shown by what the list is ordered by. Those without a date of change are last.
 *
 * @param updatedAt a date, or null
 */
record Cursor(BsonValue updatedAt, BsonValue id) {

    private static final JsonWriterSettings EXACT =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    private static final int BAD_VALUE = 2;
    private static final int OVERFLOW = 15;

    static Cursor after(Conversation conversation) {
        return new Cursor(
                conversation.updatedAt == null
                        ? BsonNull.VALUE
                        : new BsonDateTime(conversation.updatedAt.toEpochMilli()),
                conversation.id);
    }

    /** @throws ServiceException where it is none that was given out */
    static Cursor decode(String encoded) {
        try {
            BsonDocument place =
                    BsonDocument.parse(new String(Base64.getUrlDecoder().decode(encoded), StandardCharsets.UTF_8));
            Cursor cursor = new Cursor(place.get("u"), place.get("i"));
            if (cursor.id != null
                    && cursor.updatedAt != null
                    && (cursor.updatedAt.isNull() || cursor.updatedAt.isDateTime())) {
                return cursor;
            }
        } catch (RuntimeException e) {
            // not Base64, not JSON, not a place: said below
        }
        throw unknown();
    }

    static ServiceException unknown() {
        return ServiceException.invalid("after", "is no cursor that this list has given out");
    }

    /** Whether there is a place in it that the server or the driver cannot compare with, so that it was never given out. */
    static boolean isRefused(Throwable failure) {
        return DriverFailure.hasCode(failure, BAD_VALUE, OVERFLOW) || failure instanceof BsonSerializationException;
    }

    String encoded() {
        String place = new BsonDocument("u", updatedAt).append("i", id).toJson(EXACT);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(place.getBytes(StandardCharsets.UTF_8));
    }

    /** What comes after it, in descending order. */
    BsonDocument filter() {
        BsonDocument sameDate = new BsonDocument(UPDATED_AT, updatedAt).append(ID, new BsonDocument("$lt", id));
        if (updatedAt.isNull()) {
            return sameDate;
        }
        BsonDocument older = new BsonDocument(UPDATED_AT, new BsonDocument("$lt", updatedAt));
        BsonDocument undated = new BsonDocument(UPDATED_AT, BsonNull.VALUE);
        return new BsonDocument("$or", new BsonArray(List.of(older, sameDate, undated)));
    }
}
