package consulting.lmx.conversation.store;

import java.util.Optional;

/**
 * The messages that a reader requests: the newest ones before {@code before}, or the next ones after {@code after}. Both bounds
 * are exclusive indexes.
 *
 * @param limit the most messages, 1 or more
 */
public record MessageWindow(int limit, Optional<Integer> before, Optional<Integer> after) {

    /** The indexes from {@code from} (inclusive) to {@code to} (exclusive), and whether there are more in that direction. */
    record Range(int from, int to, boolean more) {}

    /** The newest messages. */
    public static MessageWindow newest(int limit) {
        return new MessageWindow(limit, Optional.empty(), Optional.empty());
    }

    /** The messages from index {@code from} on, oldest first. */
    public static MessageWindow from(int from, int limit) {
        return new MessageWindow(limit, Optional.empty(), Optional.of(from - 1));
    }

    /** Whether it starts with its oldest message. */
    boolean isForward() {
        return after.isPresent();
    }

    /** The lowest possible index. */
    int low() {
        return after.map(index -> index == Integer.MAX_VALUE ? index : index + 1)
                .map(index -> Math.max(0, index))
                .orElse(0);
    }

    /** The index after the highest possible one. */
    int high() {
        int high = before.orElse(Integer.MAX_VALUE);
        return isForward() ? (int) Math.min(high, (long) low() + limit) : high;
    }

    /** The window's range in a conversation of {@code count} messages. */
    Range in(int count) {
        int to = Math.min(high(), count);
        int from = Math.min(Math.max(low(), isForward() ? 0 : to - limit), to);
        int bound = Math.min(before.orElse(count), count);
        return new Range(from, to, isForward() ? to < bound : from > 0);
    }
}
