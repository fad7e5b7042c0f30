package consulting.lmx.conversation.integrity.engine;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.integrity.engine.IntegrityReport.IndexReport;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

class IntegrityReportTest {

    private static final IndexReport SESSION = index("sessionId", true);
    private static final IndexReport CONVERSATION = index("conversationId", true);

    private static IndexReport index(String field, boolean ok) {
        return new IndexReport(field + "_1", Map.of(field, 1), true, ok, null);
    }

    private static boolean holds(long left, long duplicatesLeft, IndexReport... indexes) {
        return new IntegrityReport(
                        10,
                        Map.of("null", 3L),
                        Map.of(),
                        3,
                        1,
                        left,
                        duplicatesLeft,
                        List.of(indexes),
                        "strict",
                        0,
                        "run",
                        Set.of(),
                        List.of())
                .holds(TestCollection.INVARIANT);
    }

    @Test
    void holdsIfNothingIsLeftAndEachKeyHasItsIndex() {
        assertThat(holds(0, 0, SESSION, CONVERSATION)).isTrue();
        assertThat(holds(0, 0, index("sessionId", false), CONVERSATION, SESSION))
                .isTrue();
    }

    @Test
    void doesNotHoldIfSomethingIsLeftOrAnIndexIsMissing() {
        assertThat(holds(1, 0, SESSION, CONVERSATION)).isFalse();
        assertThat(holds(0, 1, SESSION, CONVERSATION)).isFalse();
        assertThat(holds(0, 0, SESSION)).isFalse();
        assertThat(holds(0, 0, CONVERSATION)).isFalse();
        assertThat(holds(0, 0, SESSION, index("conversationId", false))).isFalse();
        assertThat(holds(0, 0)).isFalse();
    }

    @Test
    void indexReportShowsWhatTheServerLists() {
        IndexReport plain = IndexReport.of(
                new IndexView(BsonDocument.parse("{name: 'n', key: {a: 1, b: -1.0}, unique: true}")), false);
        assertThat(plain.name()).isEqualTo("n");
        assertThat(plain.key()).containsExactly(Map.entry("a", 1), Map.entry("b", -1));
        assertThat(Stream.of(plain.unique(), plain.ok())).containsExactly(true, false);
        assertThat(plain.expireAfterSeconds()).isNull();
        IndexReport expiring = IndexReport.of(
                new IndexView(BsonDocument.parse("{name: 'n', key: {a: 1}, expireAfterSeconds: 60}")), true);
        assertThat(Stream.of(expiring.unique(), expiring.ok())).containsExactly(false, true);
        assertThat(expiring.expireAfterSeconds()).isEqualTo(60);
    }
}
