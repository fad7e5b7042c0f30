package consulting.lmx.conversation.http.stream;

import io.smallrye.mutiny.Multi;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A response body that is sent in parts. The next part is requested after the previous one is written, and not after the client
 * is gone. If {@code parts} fails, the connection is closed, so that the client cannot take what it has for the whole.
 */
@Schema(hidden = true)
public record StreamedBody(Multi<byte[]> parts) {}
