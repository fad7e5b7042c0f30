package consulting.lmx.conversation.conversation;

/**
 * What became of an appended message.
 *
 * @param created whether the conversation was created by it
 * @param index its place in the conversation, from 0
 */
record Appended(boolean created, String sessionId, Message message, int index) {}
