package consulting.lmx.conversation.api;

import java.util.List;

/**
 * Some messages of a conversation, oldest first.
 *
 * @param hasMore whether there are more in the direction that was asked for: older ones, or with {@code after} newer ones
 */
public record MessagePage(List<MessageView> data, boolean hasMore) {}
