package consulting.lmx.conversation.http.stream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A server-sent event.
 *
 * @param name its type
 * @param id the value of {@code Last-Event-ID} after it
 * @param data the value that is sent as JSON
 */
public record Event(String name, Optional<String> id, Object data) {

    byte[] encoded(ObjectMapper json) {
        try {
            String text = id.map(i -> "id: " + i + "\n").orElse("") + "event: " + name + "\ndata: "
                    + json.writeValueAsString(data) + "\n\n";
            return text.getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("The event cannot be encoded as JSON: " + name, e);
        }
    }
}
