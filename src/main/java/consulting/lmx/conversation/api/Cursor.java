package consulting.lmx.conversation.api;

import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.ListPosition;
import consulting.lmx.conversation.store.StoredConversation;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.bson.BsonDocument;
import org.bson.BsonSerializationException;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** A position in the caller's list, encoded as text. It stays valid while conversations are created and deleted. */
record Cursor(ListPosition position) {

    private static final JsonWriterSettings EXACT =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    /** The longest cursor that is decoded, in characters. */
    private static final int LENGTH = 8 * 1024;

    /** The deepest nesting of a value, which the driver parses by recursion. */
    private static final int DEPTH = 32;

    private static final int BAD_VALUE = 2;
    private static final int OVERFLOW = 15;

    static Cursor after(StoredConversation conversation) {
        return new Cursor(ListPosition.after(conversation));
    }

    /** @throws ServiceException if no list returned this cursor */
    static Cursor decode(String encoded) {
        try {
            String text = new String(Base64.getUrlDecoder().decode(encoded), StandardCharsets.UTF_8);
            if (encoded.length() <= LENGTH && depth(text) <= DEPTH) {
                BsonDocument place = BsonDocument.parse(text);
                if (place.containsKey("u") && place.containsKey("i")) {
                    return new Cursor(new ListPosition(place.get("u"), place.get("i")));
                }
            }
        } catch (RuntimeException e) {
            // not Base64, not JSON or not a position: rejected below
        }
        throw unknown();
    }

    /** An upper bound, because brackets in strings count too. */
    private static int depth(String text) {
        int depth = 0;
        int deepest = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '{' || c == '[') {
                deepest = Math.max(deepest, ++depth);
            } else if (c == '}' || c == ']') {
                depth--;
            }
        }
        return deepest;
    }

    static ServiceException unknown() {
        return ServiceException.invalid("after", "is not a cursor of this list");
    }

    /** Whether the server or the driver rejected a value of the cursor, so no list returned it. */
    static boolean isRefused(Throwable failure) {
        return DriverFailure.hasCode(failure, BAD_VALUE, OVERFLOW) || failure instanceof BsonSerializationException;
    }

    String encoded() {
        String place = new BsonDocument("u", position.updatedAt())
                .append("i", position.id())
                .toJson(EXACT);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(place.getBytes(StandardCharsets.UTF_8));
    }
}
