package consulting.lmx.conversation.integrity.engine.index;

import static consulting.lmx.conversation.integrity.engine.TestCollection.INVARIANT;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.ValidationAction;
import com.mongodb.client.model.ValidationLevel;
import com.mongodb.client.model.ValidationOptions;
import consulting.lmx.conversation.integrity.engine.TestCollection;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.testsupport.TestServer;
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class CollectionValidatorTest {

    private static final BsonDocument FOREIGN = BsonDocument.parse("{userId: {$type: 'string'}}");

    private final TestCollection conversations = new TestCollection();

    @BeforeEach
    void needValidators() {
        TestServer.assumeGenuine("validators");
    }

    @AfterEach
    void drop() {
        conversations.close();
    }

    private static <T> T done(Uni<T> uni) {
        return uni.await().atMost(Duration.ofSeconds(30));
    }

    private CollectionValidator validator(ValidatorMode mode) {
        return validator(Optional.of(mode), false);
    }

    private CollectionValidator validator(Optional<ValidatorMode> setting, boolean keepUnset) {
        return new CollectionValidator(
                conversations.database, INVARIANT, setting, keepUnset, conversations.capabilities);
    }

    private void create(BsonDocument validator) {
        await(conversations.database.createCollection(
                INVARIANT.collection(),
                new CreateCollectionOptions().validationOptions(new ValidationOptions().validator(validator))));
    }

    private BsonDocument inForce() {
        return done(CollectionInfo.read(conversations.database, INVARIANT.collection()))
                .validator();
    }

    @Test
    void isAsWantedAtTheLevelStrict() {
        CollectionValidator enforced = validator(ValidatorMode.ENFORCE);
        assertThat(done(enforced.isAsWanted())).isFalse();
        create(new BsonDocument());
        assertThat(done(enforced.isAsWanted())).isFalse();
        assertThat(done(enforced.read())).isEqualTo("none");

        done(enforced.apply(ValidationLevel.MODERATE));
        assertThat(done(enforced.read())).isEqualTo("moderate");
        assertThat(done(enforced.isAsWanted())).isFalse();

        done(enforced.apply(ValidationLevel.STRICT));
        assertThat(done(enforced.read())).isEqualTo("strict");
        assertThat(done(enforced.isAsWanted())).isTrue();
        assertThat(done(validator(ValidatorMode.WARN).isAsWanted())).isFalse();
        assertThat(done(validator(ValidatorMode.OFF).isAsWanted())).isFalse();
    }

    @Test
    void warnsOrIsRemovedByTheMode() {
        create(new BsonDocument());
        CollectionValidator warning = validator(ValidatorMode.WARN);
        done(warning.apply(ValidationLevel.STRICT));
        assertThat(done(warning.read())).isEqualTo("warn");
        assertThat(done(warning.isAsWanted())).isTrue();
        assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted())).isFalse();

        CollectionValidator off = validator(ValidatorMode.OFF);
        done(off.apply(ValidationLevel.STRICT));
        assertThat(done(off.read())).isEqualTo("none");
        assertThat(done(off.isAsWanted())).isTrue();
        assertThat(inForce()).isEmpty();
    }

    @Test
    void foreignValidatorStaysWhenOursIsAddedAndRemoved() {
        create(FOREIGN);
        for (int i = 0; i < 2; i++) {
            done(validator(ValidatorMode.ENFORCE).apply(ValidationLevel.STRICT));
            assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted())).isTrue();
            assertThat(inForce().getArray("$and")).hasSize(2).contains(FOREIGN);
            done(validator(ValidatorMode.ENFORCE).apply(ValidationLevel.MODERATE));
            assertThat(inForce().getArray("$and")).hasSize(2);
            done(validator(ValidatorMode.OFF).apply(ValidationLevel.STRICT));
            assertThat(inForce()).isEqualTo(FOREIGN);
            done(validator(ValidatorMode.OFF).apply(ValidationLevel.STRICT));
            assertThat(inForce()).isEqualTo(FOREIGN);
        }
    }

    @Test
    void allPartsOfAForeignValidatorStay() {
        BsonDocument parts = BsonDocument.parse("{$and: [{userId: {$type: 'string'}}, {a: {$exists: false}}]}");
        create(parts);
        done(validator(ValidatorMode.ENFORCE).apply(ValidationLevel.STRICT));
        BsonDocument schema = inForce().getArray("$and").get(1).asDocument();
        await(conversations.database.runCommand(new BsonDocument("collMod", new BsonString("conversations"))
                .append(
                        "validator",
                        new BsonDocument(
                                "$and",
                                new BsonArray(List.of(
                                        parts.getArray("$and").get(0),
                                        parts.getArray("$and").get(1),
                                        schema))))));
        assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted())).isTrue();
        done(validator(ValidatorMode.OFF).apply(ValidationLevel.STRICT));
        assertThat(inForce()).isEqualTo(parts);
    }

    private BsonDocument options() {
        return done(CollectionInfo.read(conversations.database, INVARIANT.collection()))
                .options();
    }

    private void create(BsonDocument validator, ValidationLevel level, ValidationAction action) {
        await(conversations.database.createCollection(
                INVARIANT.collection(),
                new CreateCollectionOptions()
                        .validationOptions(new ValidationOptions()
                                .validator(validator)
                                .validationLevel(level)
                                .validationAction(action))));
    }

    private void heal(Optional<ValidatorMode> setting, boolean keepUnset) {
        conversations
                .run(conversations.progress(), TestCollection.settings(setting, keepUnset))
                .heal()
                .await()
                .indefinitely();
    }

    @ParameterizedTest
    @EnumSource
    void commandWithoutASettingKeepsTheMode(ValidatorMode mode) {
        heal(Optional.of(mode), false);
        BsonDocument before = options();
        conversations.with("{_id: 1, conversationId: 'a', sessionId: 's'}");
        heal(Optional.empty(), true);
        if (mode == ValidatorMode.OFF) {
            assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted()))
                    .as("there was none, so the default is installed")
                    .isTrue();
        } else {
            assertThat(options()).isEqualTo(before);
        }
    }

    @Test
    void commandWithoutASettingCompletesAnInterruptedHeal() {
        create(new BsonDocument());
        done(validator(ValidatorMode.WARN).apply(ValidationLevel.MODERATE));
        heal(Optional.empty(), true);
        assertThat(done(validator(ValidatorMode.WARN).isAsWanted())).isTrue();
    }

    @Test
    void serviceEnforcesAgainWithoutTheSetting() {
        heal(Optional.of(ValidatorMode.WARN), false);
        heal(Optional.empty(), false);
        assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted())).isTrue();
    }

    /** Level and action apply to the whole collection, so changing them would change the foreign validator. */
    @ParameterizedTest
    @CsvSource({
        "STRICT, ERROR, true",
        "STRICT, ERROR, false",
        "STRICT, WARN, true",
        "STRICT, WARN, false",
        "MODERATE, ERROR, true",
        "MODERATE, ERROR, false",
        "OFF, ERROR, false"
    })
    void levelAndActionOfAForeignValidatorStayWithoutASetting(
            ValidationLevel level, ValidationAction action, boolean keepUnset) {
        create(FOREIGN, level, action);
        conversations.with("{_id: 1, conversationId: 'a', userId: 'u'}");

        for (int i = 0; i < 2; i++) {
            heal(Optional.empty(), keepUnset);
            assertThat(options().getString("validationLevel").getValue()).isEqualTo(level.getValue());
            assertThat(options().getString("validationAction").getValue()).isEqualTo(action.getValue());
            assertThat(inForce().getArray("$and")).hasSize(2).contains(FOREIGN);
        }
        assertThat(conversations.one(1)).containsKey("sessionIdRepair");
        boolean weak = level != ValidationLevel.STRICT || action != ValidationAction.ERROR;
        assertThat(conversations.capabilities.missing().contains("strict validator"))
                .as("what is not enforced is said")
                .isEqualTo(weak);

        heal(Optional.of(ValidatorMode.ENFORCE), keepUnset);
        assertThat(done(validator(ValidatorMode.ENFORCE).isAsWanted())).isTrue();
    }

    @Test
    void documentsThatAForeignValidatorRefusesAreHealed() {
        conversations.with("{_id: 1, conversationId: 'a', sessionId: null, userId: 5}");
        await(conversations.database.runCommand(
                new BsonDocument("collMod", new BsonString("conversations")).append("validator", FOREIGN)));
        heal(Optional.empty(), false);
        assertThat(conversations.one(1)).containsKey("sessionIdRepair");
        assertThat(options().getString("validationLevel").getValue()).isEqualTo("strict");
    }
}
