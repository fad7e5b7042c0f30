package consulting.lmx.conversation.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import consulting.lmx.conversation.text.Text;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The digest of a request, which shows whether a second request with the same {@code Idempotency-Key} is equal. It does not
 * depend on the order of metadata's keys. A field of a later version enters the digest only if the request has the field, so
 * that both versions agree on every request that they know.
 */
record RequestDigest(Map<String, Object> request) {

    static RequestDigest of(NewConversation request) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("messages", request.messages());
        fields.put("title", request.title());
        fields.put("metadata", request.metadata());
        return new RequestDigest(fields);
    }

    static RequestDigest of(List<NewMessage> messages) {
        return new RequestDigest(Map.of("messages", messages));
    }

    /** Returns the digest to store. */
    String stored(ObjectMapper json) {
        return digest(json.writer(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS), json);
    }

    /** Whether a stored digest belongs to this request. Earlier versions kept the order of metadata's keys. */
    boolean isStoredAs(String digest, ObjectMapper json) {
        return digest.equals(stored(json)) || digest.equals(digest(json.writer(), json));
    }

    private String digest(ObjectWriter writer, ObjectMapper json) {
        ObjectNode fields = json.createObjectNode();
        request.forEach(fields::putPOJO);
        try {
            return HexFormat.of().formatHex(Text.sha256().digest(writer.writeValueAsBytes(fields)));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
