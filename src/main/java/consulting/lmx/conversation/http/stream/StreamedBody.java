package consulting.lmx.conversation.http.stream;

import io.smallrye.mutiny.Multi;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * The body of an answer that is sent part by part: the next one is asked for when the one before has left, and none when the
 * caller has gone. Where it fails, the connection is cut, so that nobody takes what he has for the whole.
 */
@Schema(hidden = true)
public record StreamedBody(Multi<byte[]> parts) {}
