package consulting.lmx.conversation.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import consulting.lmx.conversation.text.Text;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The digest of a start request, which shows whether a second request with the same {@code Idempotency-Key} is equal. It does not
 * depend on the order of metadata's keys. A field of a later version enters the digest only if the request has the field, so
 * that both versions agree on every request that they know.
 */
record RequestDigest(NewConversation request) {

    static RequestDigest of(NewConversation request) {
        return new RequestDigest(request);
    }

    /** Returns the digest to store. */
    String stored(ObjectMapper json) {
        return digest(sorted(request.metadata()), json);
    }

    /** Whether a stored digest belongs to this request. Earlier versions kept the order of metadata's keys. */
    boolean isStoredAs(String digest, ObjectMapper json) {
        return digest.equals(stored(json)) || digest.equals(digest(request.metadata(), json));
    }

    private String digest(Object metadata, ObjectMapper json) {
        ObjectNode fields = json.createObjectNode();
        fields.putPOJO("messages", request.messages());
        fields.put("title", request.title());
        fields.putPOJO("metadata", metadata);
        try {
            return HexFormat.of().formatHex(Text.sha256().digest(json.writeValueAsBytes(fields)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object sorted(Object value) {
        if (value instanceof Map<?, ?> object) {
            Map<String, Object> sorted = new TreeMap<>();
            object.forEach((key, each) -> sorted.put((String) key, sorted(each)));
            return sorted;
        }
        return value instanceof List<?> list
                ? list.stream().map(RequestDigest::sorted).toList()
                : value;
    }
}
