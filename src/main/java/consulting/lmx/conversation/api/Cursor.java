package consulting.lmx.conversation.api;

import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.ListPosition;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.bson.BsonDocument;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** Encodes a position in the caller's list as text, which stays valid while conversations are created and deleted. */
final class Cursor {

    private static final JsonWriterSettings EXACT =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    /** The longest cursor that is decoded, in characters. */
    private static final int LENGTH = 8 * 1024;

    /** The deepest nesting of a value, which the driver parses by recursion. */
    private static final int DEPTH = 32;

    private static final int BAD_VALUE = 2;
    private static final int OVERFLOW = 15;

    /** A date beyond the year 9999 in an expression. */
    private static final int UNPRINTABLE_DATE = 18537;

    private Cursor() {}

    /** @throws ServiceException if this is no cursor */
    static ListPosition decode(String encoded) {
        try {
            String text = new String(Base64.getUrlDecoder().decode(encoded), StandardCharsets.UTF_8);
            if (encoded.length() <= LENGTH && depth(text) <= DEPTH) {
                BsonDocument place = BsonDocument.parse(text);
                if (place.containsKey("u") && place.containsKey("i")) {
                    RawBsonDocument sent = new RawBsonDocument(place, new BsonDocumentCodec());
                    return new ListPosition(sent.get("u"), sent.get("i"));
                }
            }
        } catch (RuntimeException e) {
            // not Base64, not JSON or not BSON: rejected below
        }
        throw unknown();
    }

    static ServiceException unknown() {
        return ServiceException.invalid("after", "is not a cursor of this list");
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

    /** Whether the server rejected a value of a cursor. */
    static boolean isRejected(Throwable failure) {
        return DriverFailure.hasCode(failure, BAD_VALUE, OVERFLOW, UNPRINTABLE_DATE);
    }

    static String encode(ListPosition position) {
        String place = new BsonDocument("u", position.updatedAt())
                .append("i", position.id())
                .toJson(EXACT);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(place.getBytes(StandardCharsets.UTF_8));
    }
}
