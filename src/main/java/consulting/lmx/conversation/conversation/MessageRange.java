package consulting.lmx.conversation.conversation;

import java.util.Optional;

/**
 * Which messages a page holds.
 *
 * @param from the index of the first
 * @param to the index after the last
 * @param hasMore whether there are more in the direction that was asked for
 */
record MessageRange(int from, int to, boolean hasMore) {

    /**
     * The newest of {@code count} messages before {@code before}, or with {@code after} the next ones after it; both bounds
     * exclusive.
     *
     * @param limit how many at most
     */
    static MessageRange of(int count, int limit, Optional<Integer> before, Optional<Integer> after) {
        int low = after.map(index -> Math.max(0, Math.min(index, count) + 1)).orElse(0);
        int high = before.map(index -> Math.min(index, count)).orElse(count);
        int from = after.isPresent() ? low : Math.max(low, high - limit);
        int to = after.isPresent() ? Math.min(high, low + limit) : high;
        return new MessageRange(Math.min(from, to), to, after.isPresent() ? to < high : from > low);
    }
}
