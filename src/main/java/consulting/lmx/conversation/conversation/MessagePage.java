package consulting.lmx.conversation.conversation;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Some messages of a conversation, oldest first.
 *
 * @param hasMore whether there are more in the direction that was asked for: older ones, or with {@code after} newer ones
 */
public record MessagePage(List<MessageView> data, boolean hasMore) {

    /**
     * The newest messages before {@code before}, or with {@code after} the next ones after it; both bounds exclusive.
     *
     * @param limit how many at most
     */
    static MessagePage of(List<Message> all, int limit, Optional<Integer> before, Optional<Integer> after) {
        int low = after.map(index -> Math.max(0, index + 1)).orElse(0);
        int high = before.map(index -> Math.min(index, all.size())).orElse(all.size());
        int first = after.isPresent() ? low : Math.max(low, high - limit);
        int last = after.isPresent() ? Math.min(high, low + limit) : high;
        List<MessageView> data = IntStream.range(first, Math.max(first, last))
                .mapToObj(i -> MessageView.of(all.get(i), i))
                .toList();
        return new MessagePage(data, after.isPresent() ? last < high : first > low);
    }
}
