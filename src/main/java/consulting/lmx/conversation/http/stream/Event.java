package consulting.lmx.conversation.http.stream;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A server-sent event.
 *
 * @param name what kind it is of
 * @param id what {@code Last-Event-ID} will say
 * @param data is sent as JSON
 */
public record Event(String name, Optional<String> id, Object data) {

    byte[] encoded(ObjectMapper json) {
        try {
            String text = id.map(i -> "id: " + i + "\n").orElse("") + "event: " + name + "\ndata: "
                    + json.writeValueAsString(data) + "\n\n";
            return text.getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("An event that is no JSON: " + name, e);
        }
    }
}
