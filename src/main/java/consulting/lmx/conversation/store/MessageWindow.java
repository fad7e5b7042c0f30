package consulting.lmx.conversation.store;

import java.util.Optional;

/**
 * Which messages of a conversation a reader asks for: the newest before {@code before}, or with {@code after} the next ones
 * after it. Both bounds are exclusive indexes.
 *
 * @param limit how many at most, 1 or more
 */
public record MessageWindow(int limit, Optional<Integer> before, Optional<Integer> after) {

    /** The indexes from {@code from} to before {@code to}; {@code more} tells whether there are more in the direction asked for. */
    record Range(int from, int to, boolean more) {}

    /** The newest messages. */
    public static MessageWindow newest(int limit) {
        return new MessageWindow(limit, Optional.empty(), Optional.empty());
    }

    /** The messages from index {@code from} on, oldest first. */
    public static MessageWindow from(int from, int limit) {
        return new MessageWindow(limit, Optional.empty(), Optional.of(from - 1));
    }

    /** Whether it is read from its oldest message on. */
    boolean isForward() {
        return after.isPresent();
    }

    /** The first index that it may hold. */
    int low() {
        return after.map(index -> index == Integer.MAX_VALUE ? index : index + 1)
                .map(index -> Math.max(0, index))
                .orElse(0);
    }

    /** The index after the last one that it may hold. */
    int high() {
        int high = before.orElse(Integer.MAX_VALUE);
        return isForward() ? (int) Math.min(high, (long) low() + limit) : high;
    }

    /** What it holds in a conversation of {@code count} messages. */
    Range in(int count) {
        int to = Math.min(high(), count);
        int from = Math.min(Math.max(low(), isForward() ? 0 : to - limit), to);
        int bound = Math.min(before.orElse(count), count);
        return new Range(from, to, isForward() ? to < bound : from > 0);
    }
}
