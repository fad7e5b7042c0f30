package consulting.lmx.conversation.store;

import java.util.List;

/**
 * The result of an append.
 *
 * @param created whether the messages created their conversation
 * @param repeated whether an earlier call with the same idempotency key had appended them
 * @param first the index of the first of them in the conversation, from 0
 */
public record AppendResult(boolean created, boolean repeated, String sessionId, List<Message> messages, int first) {}
