package consulting.lmx.conversation.integrity.engine.repair;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

class AgeTest {

    private static final String EARLY_ID = "{$oid: '000000010000000000000000'}";
    private static final String LATE_ID = "{$oid: 'ff0000000000000000000000'}";

    private static Age age(String document) {
        return Age.of(BsonDocument.parse(document), "createdAt");
    }

    private static void assertOldestFirst(String... documents) {
        List<Age> inOrder = Stream.of(documents).map(AgeTest::age).toList();
        for (int i = 0; i < inOrder.size(); i++) {
            for (int j = 0; j < inOrder.size(); j++) {
                assertThat(Integer.signum(inOrder.get(i).compareTo(inOrder.get(j))))
                        .as(documents[i] + " and " + documents[j])
                        .isEqualTo(Integer.compare(i, j));
            }
        }
    }

    @Test
    void creationDateDecidesThenTheTimeInTheObjectId() {
        assertOldestFirst(
                "{_id: 9, createdAt: {$date: 1}}",
                "{_id: " + EARLY_ID + "}",
                "{_id: " + LATE_ID + ", createdAt: {$date: 1001}}",
                "{_id: 1, createdAt: {$date: 2000}}",
                "{_id: 'text', createdAt: 'no date'}");
    }

    @Test
    void objectIdContainsSeconds() {
        assertThat(age("{_id: " + EARLY_ID + "}").createdAt()).isEqualTo(1000);
        assertThat(age("{_id: " + EARLY_ID + ", createdAt: {$date: 5}}").createdAt())
                .isEqualTo(5);
        assertThat(age("{_id: 1}").createdAt()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void idDecidesBetweenEqualDates() {
        assertOldestFirst(
                "{_id: " + EARLY_ID + ", createdAt: {$date: 1}}", "{_id: " + LATE_ID + ", createdAt: {$date: 1}}");
        assertOldestFirst("{_id: 'a', createdAt: {$date: 1}}", "{_id: 'b', createdAt: {$date: 1}}");
    }
}
