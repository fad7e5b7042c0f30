package consulting.lmx.conversation.store;

/**
 * The result of an append.
 *
 * @param created whether the message created its conversation
 * @param repeated whether an earlier call with the same idempotency key had appended it
 * @param index its place in the conversation, from 0
 */
public record AppendResult(boolean created, boolean repeated, String sessionId, Message message, int index) {}
