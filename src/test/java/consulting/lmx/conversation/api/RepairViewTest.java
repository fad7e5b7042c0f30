package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

class RepairViewTest {

    private static RepairView of(String repair) {
        return RepairView.of(
                new StoredConversation(BsonDocument.parse("{sessionIdRepair: " + repair + "}"), 0), "sessionIdRepair");
    }

    @Test
    void oldValueIsShownAsRelaxedExtendedJsonWhateverItsType() {
        assertThat(of("{was: 686282}").was()).isEqualTo("686282");
        assertThat(of("{was: 'a: \"}b\\u007d'}").was()).isEqualTo("\"a: \\\"}b}\"");
        assertThat(of("{was: {a: [1, {b: null}]}}").was()).isEqualTo("{\"a\": [1, {\"b\": null}]}");
        assertThat(of("{was: {$oid: '67c2532e5d9dc9f81818e811'}}").was())
                .isEqualTo("{\"$oid\": \"67c2532e5d9dc9f81818e811\"}");
    }

    @Test
    void partsThatAreNotThereAreMissing() {
        RepairView repair = of("{reason: 'null', at: {$date: '2025-03-01T00:22:06Z'}}");
        assertThat(repair.reason()).isEqualTo("null");
        assertThat(repair.was()).isNull();
        assertThat(repair.at()).isEqualTo(Instant.parse("2025-03-01T00:22:06Z"));
        assertThat(of("'no document'")).isNull();
        assertThat(RepairView.of(new StoredConversation(new BsonDocument(), 0), "sessionIdRepair"))
                .isNull();
    }
}
