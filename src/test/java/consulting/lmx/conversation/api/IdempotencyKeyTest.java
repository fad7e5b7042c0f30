package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The id of a conversation that is started with a key. */
class IdempotencyKeyTest {

    private static UUID id(String caller, String key) {
        return UUID.fromString(new IdempotencyKey(key).conversationId(caller));
    }

    @Test
    void isAUuidOfVersionEight() {
        List<UUID> ids =
                IntStream.range(0, 64).mapToObj(i -> id("ann", "k" + i)).toList();
        assertThat(ids).allMatch(id -> id.version() == 8 && id.variant() == 2);
        assertThat(ids).doesNotHaveDuplicates();
        assertThat(ids.stream().map(UUID::getMostSignificantBits)).doesNotHaveDuplicates();
        assertThat(ids.stream().map(UUID::getLeastSignificantBits)).doesNotHaveDuplicates();
    }

    @Test
    void followsFromCallerAndKeyAlone() {
        assertThat(id("ann", "k")).isEqualTo(id("ann", "k"));
        assertThat(id("bob", "k")).isNotEqualTo(id("ann", "k"));
        assertThat(id("ann1", "1")).isNotEqualTo(id("ann", "11"));
    }
}
