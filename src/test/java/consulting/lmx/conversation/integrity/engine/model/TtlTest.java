package consulting.lmx.conversation.integrity.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Optional;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which index is the one by which conversations expire. */
class TtlTest {

    private static final Ttl WANTED = new Ttl("ours", "updatedAt", Optional.of(Duration.ofSeconds(60)));

    private static IndexView index(String description) {
        return new IndexView(BsonDocument.parse("{" + description + "}"));
    }

    @Test
    void isCarriedByTheIndexOfItsNameFieldAndTime() {
        IndexView ours = index("name: 'ours', key: {updatedAt: 1}, expireAfterSeconds: 60");
        assertThat(WANTED.isCarriedBy(ours)).isTrue();
        assertThat(WANTED.hasItsShape(ours)).isTrue();
    }

    @Test
    void onlyTheTimeMayDifferInItsShape() {
        IndexView slower = index("name: 'ours', key: {updatedAt: -1}, expireAfterSeconds: 61");
        assertThat(WANTED.isCarriedBy(slower)).isFalse();
        assertThat(WANTED.hasItsShape(slower)).isTrue();
        Ttl none = new Ttl("ours", "updatedAt", Optional.empty());
        assertThat(none.isCarriedBy(slower)).isFalse();
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
    void whatDiffersOtherwiseIsNotOfItsShape(String description) {
        assertThat(WANTED.hasItsShape(index(description))).isFalse();
        assertThat(WANTED.isCarriedBy(index(description))).isFalse();
    }
}
