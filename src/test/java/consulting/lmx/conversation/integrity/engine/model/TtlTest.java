package consulting.lmx.conversation.integrity.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Optional;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TtlTest {

    private static final Ttl WANTED = new Ttl("ours", "updatedAt", Optional.of(Duration.ofSeconds(60)));

    private static IndexView index(String description) {
        return new IndexView(BsonDocument.parse("{" + description + "}"));
    }

    @Test
    void matchesTheIndexWithItsNameFieldAndAge() {
        IndexView ours = index("name: 'ours', key: {updatedAt: 1}, expireAfterSeconds: 60");
        assertThat(WANTED.matches(ours)).isTrue();
        assertThat(WANTED.differsOnlyInAge(ours)).isTrue();
    }

    @Test
    void indexWithAnotherAgeDiffersOnlyInAge() {
        IndexView slower = index("name: 'ours', key: {updatedAt: -1}, expireAfterSeconds: 61");
        assertThat(WANTED.matches(slower)).isFalse();
        assertThat(WANTED.differsOnlyInAge(slower)).isTrue();
        Ttl none = new Ttl("ours", "updatedAt", Optional.empty());
        assertThat(none.matches(slower)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "name: 'another', key: {updatedAt: 1}, expireAfterSeconds: 60",
                "name: 'ours', key: {createdAt: 1}, expireAfterSeconds: 60",
                "name: 'ours', key: {updatedAt: 1}, expireAfterSeconds: 60, sparse: true",
                "name: 'ours', key: {updatedAt: 1}, expireAfterSeconds: 60, partialFilterExpression: {a: 1}",
                "name: 'ours', key: {updatedAt: 1}"
            })
    void indexWithAnotherDifferenceIsReplaced(String description) {
        assertThat(WANTED.differsOnlyInAge(index(description))).isFalse();
        assertThat(WANTED.matches(index(description))).isFalse();
    }
}
