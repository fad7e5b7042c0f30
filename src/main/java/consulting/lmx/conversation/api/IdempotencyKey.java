package consulting.lmx.conversation.api;

import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.text.Text;
import jakarta.ws.rs.core.HttpHeaders;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * The {@code Idempotency-Key} of a call. A conversation that is started with a key gets an id derived from caller and key, so that
 * the unique index accepts it once. A message stores its key.
 */
record IdempotencyKey(String text) {

    private static final String HEADER = "Idempotency-Key";
    private static final int LENGTH = 255;
    private static final long VERSION_8 = 0x8000L;
    private static final long VARIANT = 0x8000000000000000L;

    /** @throws ServiceException if the header is not a valid key, or occurs more than once */
    static Optional<IdempotencyKey> of(HttpHeaders headers) {
        List<String> keys = headers.getRequestHeader(HEADER);
        if (keys.isEmpty()) {
            return Optional.empty();
        }
        String key = keys.get(0);
        if (keys.size() > 1 || Text.isBlank(key) || key.length() > LENGTH) {
            throw ServiceException.invalid(
                    HEADER, "must occur once and have 1 to " + LENGTH + " characters, not all blank");
        }
        return Optional.of(new IdempotencyKey(key));
    }

    /** Returns the id of the conversation that {@code caller} starts with this key: a UUID of version 8 (RFC 9562). */
    String conversationId(String caller) {
        ByteBuffer digest = ByteBuffer.wrap(
                Text.sha256().digest((caller.length() + ":" + caller + text).getBytes(StandardCharsets.UTF_8)));
        long high = digest.getLong() & ~0xF000L | VERSION_8;
        long low = digest.getLong() & 0x3FFFFFFFFFFFFFFFL | VARIANT;
        return new UUID(high, low).toString();
    }
}
