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

/** A place in the caller's list, as text that the caller sends back. It stays right whatever comes or goes meanwhile. */
record Cursor(ListPosition position) {

    private static final JsonWriterSettings EXACT =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    /** The longest one that is read; the server bounds what it takes in a URL as well. */
    private static final int LENGTH = 8 * 1024;

    /** How deep a value in it may be nested; the driver parses it by recursion. */
    private static final int DEPTH = 32;

    private static final int BAD_VALUE = 2;
    private static final int OVERFLOW = 15;

    static Cursor after(StoredConversation conversation) {
        return new Cursor(ListPosition.after(conversation));
    }

    /** @throws ServiceException if this list has never given it out */
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
            // not Base64, not JSON, no place: refused below
        }
        throw unknown();
    }

    /** An upper bound: brackets inside of strings count too. */
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
        return ServiceException.invalid("after", "is no cursor of this list");
    }

    /** Whether server or driver cannot compare with a value in it, so that no list has given it out. */
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
