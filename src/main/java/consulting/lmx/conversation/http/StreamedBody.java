package consulting.lmx.conversation.http;

import io.smallrye.mutiny.Multi;

/**
 * The body of an answer that is sent part by part: the next one is asked for when the one before has left, and none when the
 * caller has gone. Where it fails, the connection is cut, so that nobody takes what he has for the whole.
 */
public record StreamedBody(Multi<byte[]> parts) {}
