package consulting.lmx.conversation.integrity.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IndexViewTest {

    private static IndexView index(String rest) {
        return new IndexView(BsonDocument.parse("{v: 2, " + rest + "}"));
    }

    private static IndexView on(String key) {
        return index("name: 'n', key: " + key);
    }

    @Test
    void isOnlyOnItsSingleField() {
        assertThat(on("{a: 1}").isOnlyOn("a")).isTrue();
        assertThat(on("{a: -1}").isOnlyOn("a")).isTrue();
        assertThat(on("{b: 1}").isOnlyOn("a")).isFalse();
        assertThat(on("{a: 1, b: 1}").isOnlyOn("a")).isFalse();
        assertThat(on("{a: 'hashed'}").isOnlyOn("a")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "1", "{$numberLong: '1'}", "1.0"})
    void flagIsSetByTrueAndNonZeroNumbers(String value) {
        assertThat(index("name: 'n', key: {a: 1}, unique: " + value).isUnique()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"false", "0", "null", "'true'"})
    void flagIsNotSetByAnythingElse(String value) {
        assertThat(index("name: 'n', key: {a: 1}, unique: " + value).isUnique()).isFalse();
    }

    @Test
    void declaredIndexIsAscendingUniqueCompleteSimpleAndVisible() {
        IndexView declared = index("name: 'a_1', key: {a: 1}, unique: true");
        assertThat(declared.isDeclared("a")).isTrue();
        assertThat(declared.serves("a")).isTrue();
        assertThat(declared.lacksOnlyUniqueness("a")).isFalse();
        assertThat(declared.isDeclared("b")).isFalse();
        assertThat(index("name: 'a_1', key: {a: 1}, unique: true, collation: {locale: 'simple'}")
                        .isDeclared("a"))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "key: {a: -1}",
                "key: {a: 1, b: 1}",
                "key: {a: 1}, sparse: true",
                "key: {a: 1}, partialFilterExpression: {a: {$exists: true}}",
                "key: {a: 1}, collation: {locale: 'fr'}",
                "key: {a: 1}, hidden: true"
            })
    void indexWithAnotherDifferenceIsNeitherDeclaredNorConvertibleNorServes(String differs) {
        IndexView unique = index("name: 'a_1', unique: true, " + differs);
        assertThat(unique.isDeclared("a")).isFalse();
        assertThat(unique.serves("a")).isFalse();
        IndexView notUnique = index("name: 'a_1_across_shards', " + differs);
        assertThat(notUnique.lacksOnlyUniqueness("a")).isFalse();
        assertThat(notUnique.isAcrossShards("a")).isFalse();
        assertThat(notUnique.serves("a")).isFalse();
    }

    @Test
    void nonUniqueIndexServesOnlyUnderItsNameForShards() {
        IndexView usual = index("name: 'a_1', key: {a: 1}");
        assertThat(usual.lacksOnlyUniqueness("a")).isTrue();
        assertThat(usual.isDeclared("a")).isFalse();
        assertThat(usual.isAcrossShards("a")).isFalse();
        assertThat(usual.serves("a")).isFalse();
        IndexView standIn = index("name: 'a_1_across_shards', key: {a: 1}");
        assertThat(standIn.isAcrossShards("a")).isTrue();
        assertThat(standIn.serves("a")).isTrue();
        assertThat(standIn.serves("b")).isFalse();
    }

    @Test
    void indexWithSecondsIsATtlIndex() {
        assertThat(index("name: 'n', key: {a: 1}, expireAfterSeconds: 60").expiresAfter())
                .hasValue(60);
        assertThat(index("name: 'n', key: {a: 1}, expireAfterSeconds: {$numberLong: '60'}")
                        .expiresAfter())
                .hasValue(60);
        assertThat(index("name: 'n', key: {a: 1}").expiresAfter()).isEmpty();
        assertThat(index("name: 'n', key: {a: 1}, expireAfterSeconds: 'soon'").expiresAfter())
                .isEmpty();
    }

    private static SecondaryIndex listIndex() {
        return new SecondaryIndex("list", BsonDocument.parse("{u: 1, d: -1}"), new BsonDocument(), "slow lists");
    }

    @Test
    void partialIndexMatchesTheSameFilterOnly() {
        BsonDocument filter = BsonDocument.parse("{u: {$type: 14}}");
        SecondaryIndex wanted = new SecondaryIndex("symbols", BsonDocument.parse("{u: 1}"), filter, "slow checks");
        assertThat(wanted.matches(index("name: 'n', key: {u: 1}, partialFilterExpression: {u: {$type: 14}}")))
                .isTrue();
        assertThat(wanted.matches(index("name: 'n', key: {u: 1}, partialFilterExpression: {u: {$type: 2}}")))
                .isFalse();
        assertThat(wanted.matches(on("{u: 1}"))).isFalse();
    }

    @Test
    void secondaryIndexMatchesTheSameFieldsInTheSameOrderAndDirection() {
        SecondaryIndex wanted = listIndex();
        assertThat(wanted.matches(on("{u: 1, d: -1}"))).isTrue();
        assertThat(wanted.matches(on("{u: {$numberLong: '1'}, d: -1.0}"))).isTrue();
        assertThat(wanted.matches(on("{d: -1, u: 1}"))).isFalse();
        assertThat(wanted.matches(on("{u: 1, d: 1}"))).isFalse();
        assertThat(wanted.matches(on("{u: 1, d: 'text'}"))).isFalse();
        assertThat(wanted.matches(on("{u: 1}"))).isFalse();
        assertThat(wanted.matches(on("{u: 1, d: -1, e: 1}"))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sparse: true", "partialFilterExpression: {}", "hidden: true", "collation: {locale: 'fr'}"})
    void secondaryIndexMatchesNoIndexWithOtherOptions(String option) {
        SecondaryIndex wanted = listIndex();
        assertThat(wanted.matches(index("name: 'n', key: {u: 1, d: -1}, " + option)))
                .isFalse();
    }
}
