package consulting.lmx.conversation.api;

import java.util.List;

/**
 * A page of messages of a conversation, oldest first.
 *
 * @param hasMore whether there are more in the requested direction: newer ones with {@code after}, else older ones
 */
public record MessagePage(List<MessageView> data, boolean hasMore) {}
