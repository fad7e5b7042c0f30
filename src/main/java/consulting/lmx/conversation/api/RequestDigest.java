package consulting.lmx.conversation.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/**
 * The digest of a start request, which tells whether a second request with the same {@code Idempotency-Key} is the same. It does
 * not depend on the order of metadata's keys. A field that came with a later version enters it only if the request has it, so
 * that two versions of the service agree on all requests that both know.
 */
record RequestDigest(NewConversation request) {

    static RequestDigest of(NewConversation request) {
        return new RequestDigest(request);
    }

    /** The digest that is stored with a conversation. */
    String stored(ObjectMapper json) {
        return digest(sorted(request.metadata()), json);
    }

    /** Whether a stored digest is of this request. Earlier versions kept the order of metadata's keys. */
    boolean isStoredAs(String digest, ObjectMapper json) {
        return digest.equals(stored(json)) || digest.equals(digest(request.metadata(), json));
    }

    private String digest(Object metadata, ObjectMapper json) {
        ObjectNode fields = json.createObjectNode();
        fields.putPOJO("messages", request.messages());
        fields.put("title", request.title());
        fields.putPOJO("metadata", metadata);
        try {
            return HexFormat.of().formatHex(ETag.sha256().digest(json.writeValueAsBytes(fields)));
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
        return value instanceof Iterable<?> list
                ? java.util.stream.StreamSupport.stream(list.spliterator(), false)
                        .map(RequestDigest::sorted)
                        .toList()
                : value;
    }
}
