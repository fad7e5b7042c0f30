package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Compares the range of a window with one that is counted message by message. */
class MessageWindowTest {

    private static final int MOST = 6;

    private static List<Optional<Integer>> bounds() {
        return Stream.concat(
                        Stream.of(Optional.<Integer>empty()),
                        IntStream.rangeClosed(0, MOST + 1).mapToObj(Optional::of))
                .toList();
    }

    @Test
    void pageHoldsTheNewestBeforeOrTheNextAfter() {
        for (int count = 0; count <= MOST; count++) {
            for (int limit = 1; limit <= MOST; limit++) {
                for (Optional<Integer> before : bounds()) {
                    for (Optional<Integer> after : bounds()) {
                        assertHolds(count, limit, before, after);
                    }
                }
            }
        }
    }

    private static void assertHolds(int count, int limit, Optional<Integer> before, Optional<Integer> after) {
        List<Integer> between = IntStream.range(0, count)
                .boxed()
                .filter(index -> index < before.orElse(count) && index > after.orElse(-1))
                .toList();
        int size = Math.min(limit, between.size());
        List<Integer> page =
                after.isPresent() ? between.subList(0, size) : between.subList(between.size() - size, between.size());

        MessageWindow.Range range = new MessageWindow(limit, before, after).in(count);
        String asked = "%d messages, limit %d, before %s, after %s".formatted(count, limit, before, after);
        assertThat(IntStream.range(range.from(), range.to()).boxed()).as(asked).containsExactlyElementsOf(page);
        assertThat(range.more()).as(asked).isEqualTo(size < between.size());
        assertThat(range.from()).as(asked).isBetween(0, range.to());
        assertThat(range.to()).as(asked).isLessThanOrEqualTo(count);
    }
}
