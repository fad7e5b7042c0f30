package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.MongoException;
import com.mongodb.client.model.Collation;
import com.mongodb.client.model.CollationStrength;
import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.Updates;
import consulting.lmx.conversation.integrity.engine.index.IndexCommands;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.testsupport.TestServer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import org.bson.BsonArray;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonSymbol;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys, documents and collections that only a hostile program writes. */
@Tag("slow")
class HostileDataTest {

    /** The largest document that the server accepts. */
    private static final int LARGEST = 16 * 1024 * 1024;

    private final TestCollection conversations = new TestCollection();

    @BeforeEach
    void needsAServerThatStoresThem() {
        TestServer.assumeGenuine("BSON of every type, collations and documents of 16 MB");
    }

    @AfterEach
    void drop() {
        conversations.close();
    }

    private static BsonDocument document(int id) {
        return new BsonDocument("_id", new BsonInt32(id))
                .append("conversationId", new BsonString("c-" + id))
                .append("sessionId", new BsonString("s-" + id));
    }

    /** A document of exactly {@code size} bytes. */
    private static BsonDocument ofSize(int size, BsonDocument document) {
        document.append("filler", new BsonString(""));
        int without = new RawBsonDocument(document, new BsonDocumentCodec())
                .getByteBuffer()
                .remaining();
        return document.append("filler", new BsonString("x".repeat(size - without)));
    }

    private String text(int id, RequiredKey key) {
        return conversations.one(id).getString(key.field()).getValue();
    }

    private static void assertUuid(String text) {
        assertThat(UUID.fromString(text)).hasToString(text);
    }

    private void createCollated() {
        await(conversations.database.createCollection(
                "conversations", new CreateCollectionOptions().collation(caseInsensitive())));
    }

    private static Collation caseInsensitive() {
        return Collation.builder()
                .locale("en")
                .collationStrength(CollationStrength.SECONDARY)
                .build();
    }

    /** The verdict of the index about a key that was inserted without a validator. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{k: {$symbol: 'm'}}",
                "{k: {$undefined: true}}",
                "{k: {$minKey: 1}}",
                "{k: {$maxKey: 1}}",
                "{k: {$numberDecimal: '7'}}",
                "{k: {$code: 'm'}}",
                "{k: {$code: 'm', $scope: {}}}",
                "{k: {$timestamp: {t: 1, i: 1}}}",
                "{k: {'$ref': 'm', '$id': 5}}",
                "{k: {$dbPointer: {'$ref': 'm', '$id': {'$oid': '67c2532e5d9dc9f81818e811'}}}}",
                "{k: [null]}",
                "{k: ['']}",
                "{k: [[]]}",
                "{k: [{$symbol: 'm'}]}"
            })
    void everyTypeIsFoundAndHealedWithItsOldValueInTheRecord(String value) {
        BsonValue was = BsonDocument.parse(value).get("k");
        for (RequiredKey key : TestCollection.INVARIANT.keys()) {
            conversations.with("{conversationId: 'a', sessionId: 'a'}", "{conversationId: 'z', sessionId: 'z'}");
            conversations.heal();
            conversations
                    .run(conversations.progress(), ValidatorMode.OFF)
                    .heal()
                    .await()
                    .indefinitely();
            conversations.with(List.of(document(1).append(key.field(), was)));

            assertThatThrownBy(() -> conversations
                            .run(conversations.progress(), ValidatorMode.OFF)
                            .verify()
                            .await()
                            .indefinitely())
                    .isInstanceOf(IntegrityException.class)
                    .hasMessageContaining("1 broken");
            IntegrityReport report = conversations.heal();

            assertThat(report.left()).isZero();
            assertUuid(text(1, key));
            BsonDocument record = conversations.one(1).getDocument(key.repairField());
            assertThat(record.getString("reason").getValue()).isEqualTo("not-a-string");
            assertThat(record.get("was")).isEqualTo(was.getBsonType() == org.bson.BsonType.UNDEFINED ? null : was);
            await(conversations.collection.drop());
        }
    }

    @Test
    void symbolAndStringWithTheSameTextAreNotDuplicates() {
        conversations.with(List.of(document(1).append("sessionId", new BsonSymbol("same"))));
        conversations.with(List.of(document(2).append("sessionId", new BsonString("same"))));
        IntegrityReport report = conversations.heal();
        assertThat(report.broken()).containsEntry("not-a-string", 1L).containsEntry("duplicate", 0L);
        assertThat(text(2, SESSION_ID)).isEqualTo("same");
        assertUuid(text(1, SESSION_ID));
    }

    @ParameterizedTest
    @ValueSource(strings = {"nul \u0000 inside", "\u0000", "\uFFFD", "\u200b", "\uD83D\uDE00"})
    void unusualStringsStayUnchanged(String odd) {
        conversations.with(List.of(document(1).append("sessionId", new BsonString(odd))));
        assertThat(conversations.heal().healed()).isZero();
        assertThat(conversations.one(1)).isEqualTo(document(1).append("sessionId", new BsonString(odd)));
    }

    /** A document with these bytes as its {@code sessionId}, which no driver sends as a string. */
    private static RawBsonDocument withBytes(int id, byte... bytes) {
        String place = "y".repeat(bytes.length);
        RawBsonDocument raw =
                new RawBsonDocument(document(id).append("sessionId", new BsonString(place)), new BsonDocumentCodec());
        byte[] all = new byte[raw.getByteBuffer().remaining()];
        raw.getByteBuffer().asNIO().get(all);
        int at = new String(all, StandardCharsets.ISO_8859_1).lastIndexOf(place);
        System.arraycopy(bytes, 0, all, at, bytes.length);
        return new RawBsonDocument(all);
    }

    @Test
    void stringThatIsNotValidUtf8IsRepaired() {
        byte[] wrong = {'a', (byte) 0xff, 'b'};
        var raw = conversations.database.getCollection("conversations", RawBsonDocument.class);
        await(raw.insertMany(List.of(
                withBytes(1, wrong), withBytes(2, wrong), withBytes(3, (byte) 0xc3), withBytes(4, (byte) 'x'))));

        IntegrityReport report = conversations.heal();

        assertThat(report.broken()).containsEntry("blank", 3L);
        assertThat(report.healed()).isEqualTo(3);
        for (int id = 1; id <= 3; id++) {
            assertUuid(text(id, SESSION_ID));
        }
        assertThat(text(4, SESSION_ID)).isEqualTo("x");
        RawBsonDocument record = await(raw.find(Filters.eq("_id", 1)).first());
        byte[] stored = new byte[record.getByteBuffer().remaining()];
        record.getByteBuffer().asNIO().get(stored);
        assertThat(new String(stored, StandardCharsets.ISO_8859_1))
                .as("the old bytes stand in the record")
                .contains(new String(wrong, StandardCharsets.ISO_8859_1));
    }

    /** An earlier record, or another program's value in the same field. */
    @ParameterizedTest
    @ValueSource(strings = {"{r: 5}", "{r: [{reason: 'x'}, {reason: 'y'}]}", "{r: {was: 'old', note: 'n'}}", "{r: []}"})
    void recordReplacesAnyExistingValueOfItsField(String earlier) {
        for (int id = 1; id <= 3; id++) {
            conversations.with(List.of(document(id)
                    .append("sessionIdRepair", BsonDocument.parse(earlier).get("r"))
                    .append("sessionId", new BsonInt32(id))));
        }
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(3);
        for (int id = 1; id <= 3; id++) {
            assertThat(conversations.one(id).getDocument("sessionIdRepair").keySet())
                    .containsExactlyInAnyOrder("reason", "was", "at", "run");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{_id: {$minKey: 1}}",
                "{_id: {$maxKey: 1}}",
                "{_id: null}",
                "{_id: true}",
                "{_id: {$numberDecimal: '7'}}",
                "{_id: {$numberLong: '7'}}",
                "{_id: 7.5}",
                "{_id: {$symbol: 'x'}}",
                "{_id: {$code: 'x'}}",
                "{_id: {$timestamp: {t: 1, i: 1}}}",
                "{_id: {$date: 0}}",
                "{_id: {$binary: {base64: 'AA==', subType: '00'}}}",
                "{_id: ''}",
                "{_id: '$a'}",
                "{_id: {a: '$b'}}",
                "{_id: {}}"
            })
    void idsOfAnyTypeAreReached(String id) {
        conversations.with(List.of(BsonDocument.parse(id).append("conversationId", new BsonInt32(1)), document(77)));
        assertThat(conversations.heal().left()).isZero();
        conversations
                .byId()
                .values()
                .forEach(document ->
                        assertThat(document.getString("sessionId").getValue()).isNotBlank());
    }

    @Test
    void documentWithoutRoomForItsRecordIsRepairedWithoutARecordAndNamed() {
        conversations.with(List.of(ofSize(LARGEST - 100, document(1).append("sessionId", new BsonString("")))));
        conversations.with(List.of(document(2).append("sessionId", new BsonString(" ")), document(3)));

        IntegrityReport report = conversations.heal();

        assertThat(report.left()).isZero();
        assertThat(report.healed()).isEqualTo(2);
        assertThat(report.exceptions())
                .containsExactly("sessionId of {\"_id\": {\"$numberInt\": \"1\"}}: repaired without its record");
        assertUuid(text(1, SESSION_ID));
        assertThat(conversations.one(1)).doesNotContainKey("sessionIdRepair");
        assertThat(conversations.one(2)).containsKey("sessionIdRepair");
        assertThat(conversations.verify().left()).isZero();
    }

    @Test
    void documentWithoutRoomForAKeyIsNamedAndDoesNotFailTheRun() {
        conversations.with(List.of(ofSize(LARGEST, document(1).append("sessionId", new BsonString("")))));
        conversations.with(List.of(document(2).append("sessionId", new BsonString(" ")), document(3)));

        IntegrityReport report = conversations.heal();

        assertThat(report.left()).isEqualTo(1);
        assertThat(report.healed()).isEqualTo(1);
        assertThat(report.holds(TestCollection.INVARIANT)).isFalse();
        assertThat(report.exceptions())
                .containsExactly(
                        "sessionId of {\"_id\": {\"$numberInt\": \"1\"}}: not repaired, because it is too large");
        assertThat(report.missingIndexes(TestCollection.INVARIANT)).isEmpty();
        assertThatThrownBy(conversations::verify).isInstanceOf(IntegrityException.class);
    }

    /** No unique index can be made then: the one that stands in says so, until the documents have room. */
    @Test
    void severalDocumentsWithoutRoomForAKeyDoNotFailTheRun() {
        for (int id = 1; id <= 2; id++) {
            conversations.with(List.of(ofSize(LARGEST, document(id).append("sessionId", new BsonString("")))));
        }
        conversations.with(List.of(document(3).append("sessionId", new BsonString(" "))));

        IntegrityReport report = conversations.heal();

        assertThat(report.left()).isEqualTo(2);
        assertThat(report.healed()).isEqualTo(1);
        assertThat(report.exceptions()).hasSize(2);
        assertThat(report.notEnforced()).contains("unique sessionId");

        for (int id = 1; id <= 2; id++) {
            await(conversations.collection.updateOne(Filters.eq("_id", id), Updates.unset("filler")));
        }
        assertThat(report.validator()).as("so that they can be made smaller").isEqualTo("moderate");
        IntegrityReport again = conversations.heal();
        assertThat(again.left()).isZero();
        assertThat(again.validator()).isEqualTo("strict");
        assertThat(conversations.indexes(SESSION_ID)).singleElement().matches(index -> index.isDeclared("sessionId"));
    }

    @Test
    void youngerDuplicateOfTheMaximumSizeDoesNotFailTheRun() {
        conversations.with(List.of(document(1).append("sessionId", new BsonString("same"))));
        conversations.with(List.of(ofSize(LARGEST - 50, document(2).append("sessionId", new BsonString("same")))));
        IntegrityReport report = conversations.heal();
        assertThat(report.duplicatesLeft()).isZero();
        assertThat(report.exceptions()).hasSize(1);
        assertUuid(text(2, SESSION_ID));
    }

    enum Large {
        STRING_IN_OBJECT(() -> new BsonDocument("v", new BsonString(nineMegabytes()))),
        ARRAY(() -> new BsonArray(List.of(new BsonString(nineMegabytes()), new BsonInt32(1)))),
        BINARY(() -> new BsonBinary(new byte[9_000_000])),
        BLANK(() -> new BsonString(" ".repeat(9_000_000))),
        SYMBOL(() -> new BsonSymbol(nineMegabytes()));

        private final java.util.function.Supplier<BsonValue> value;

        Large(java.util.function.Supplier<BsonValue> value) {
            this.value = value;
        }
    }

    private static String nineMegabytes() {
        return "x".repeat(9_000_000);
    }

    /** More than half of the maximum command size, so a command cannot contain the value twice. */
    @ParameterizedTest
    @EnumSource
    void valueOfNineMegabytesIsHealedUnderACollationToo(Large large) {
        for (boolean collated : List.of(false, true)) {
            if (collated) {
                createCollated();
            }
            conversations.with(List.of(document(1).append("sessionId", large.value.get()), document(2)));

            IntegrityReport report = conversations.heal();

            assertThat(report.healed()).isEqualTo(1);
            assertUuid(text(1, SESSION_ID));
            assertThat(conversations.one(1).getDocument("sessionIdRepair").get("was"))
                    .isEqualTo(large.value.get());
            await(conversations.collection.drop());
        }
    }

    /** A field name that servers up to 4.4 accept only in an insert, so they cannot copy the value either. */
    @Test
    void largeValueThatTheServerCannotCopyIsDroppedAndNamed() {
        BsonDocument large = new BsonDocument("$x", new BsonString(nineMegabytes()));
        conversations.with(List.of(document(1).append("sessionId", large)));
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(1);
        assertUuid(text(1, SESSION_ID));
        assertThat(conversations.one(1).containsKey("sessionIdRepair"))
                .isEqualTo(report.exceptions().isEmpty());
    }

    @Test
    void duplicatesOfNineMegabytesAreHealed() {
        String same = nineMegabytes();
        for (int id = 1; id <= 3; id++) {
            conversations.with(List.of(document(id).append("sessionId", new BsonString(same))));
        }
        conversations.with(
                "{_id: 4, conversationId: 'c', sessionId: 's'}", "{_id: 5, conversationId: 'd', sessionId: 's'}");
        IntegrityReport report = conversations.heal();
        assertThat(report.broken()).containsEntry("duplicate", 3L);
        assertThat(text(1, SESSION_ID)).isEqualTo(same);
        for (int id = 2; id <= 3; id++) {
            assertUuid(text(id, SESSION_ID));
        }
        assertThat(report.exceptions())
                .as("a command has no room for the value twice")
                .hasSize(2);
        assertUuid(text(5, SESSION_ID));
    }

    @Test
    void keysThatDifferOnlyInCaseStayUnderACollation() {
        createCollated();
        conversations.with(
                "{_id: 'one', conversationId: 'a', sessionId: 's'}",
                "{_id: 'two', conversationId: 'A', sessionId: 'S'}",
                "{_id: 'three', conversationId: 'b', sessionId: null}",
                "{_id: 'four', conversationId: 'B', sessionId: 's'}");
        IntegrityReport report = conversations.heal();
        assertThat(report.broken()).containsEntry("null", 1L).containsEntry("duplicate", 1L);
        assertThat(report.healed()).isEqualTo(2);
        assertThat(report.others().get("conversationId").healed()).isZero();
        assertThat(conversations.verify().left()).isZero();
        conversations.with("{conversationId: 'C', sessionId: 'x'}", "{conversationId: 'c', sessionId: 'X'}");
    }

    @Test
    void listIndexUsesTheSimpleCollation() {
        createCollated();
        conversations.heal();
        assertThat(new IndexCommands(conversations.database, conversations.collection)
                        .list()
                        .await()
                        .indefinitely())
                .filteredOn(TestCollection.INVARIANT.listIndexes().get(0)::matches)
                .hasSize(1);
    }

    /** A hint by the key pattern would be ambiguous. */
    @Test
    void checkUsesTheDeclaredIndexAmongSeveralOfTheSameKey() {
        conversations.with(List.of(document(1)));
        conversations.withIndex(
                Indexes.ascending("sessionId"),
                new IndexOptions().name("insensitive").collation(caseInsensitive()));
        conversations.heal();
        assertThat(conversations.indexes(SESSION_ID))
                .hasSize(2)
                .anyMatch(index -> index.name().equals("insensitive"));
        RunProgress progress = conversations.progress();
        assertThat(conversations
                        .run(progress, ValidatorMode.ENFORCE)
                        .verify()
                        .await()
                        .indefinitely()
                        .scanned())
                .as("answered by the index")
                .isZero();
    }

    private void fillIndexes(int upTo) {
        int there = new IndexCommands(conversations.database, conversations.collection)
                .list()
                .await()
                .indefinitely()
                .size();
        for (int i = there; i < upTo; i++) {
            conversations.withIndex(Indexes.ascending("f" + i), new IndexOptions());
        }
    }

    @Test
    void collectionWithTheMaximumOfIndexesFailsWithTheServersReason() {
        conversations.with(List.of(document(1)));
        fillIndexes(64);
        assertThatThrownBy(conversations::heal)
                .isInstanceOf(MongoException.class)
                .hasMessageContaining("too many indexes");
    }

    @Test
    void indexesAreConvertedIfThereIsNoRoomForAnother() {
        conversations.with(List.of(document(1), document(2).append("sessionId", new BsonString("s-1"))));
        conversations.withIndex(Indexes.ascending("sessionId"), new IndexOptions());
        conversations.withIndex(Indexes.ascending("conversationId"), new IndexOptions().sparse(true));
        fillIndexes(64);
        IntegrityReport report = conversations.heal();
        assertThat(report.holds(TestCollection.INVARIANT)).isTrue();
        assertThat(report.notEnforced())
                .contains(TestCollection.INVARIANT.listIndexes().get(0).name());
        assertThat(conversations.verify().left()).isZero();
    }

    @Test
    void indexNamesOfOtherProgramsAreAvoided() {
        for (String name : List.of(
                "sessionId_1",
                "sessionId_1_unique",
                "sessionId_in_between",
                "conversationId_1",
                "sessionId_symbols",
                TestCollection.INVARIANT.listIndexes().get(0).name())) {
            conversations.withIndex(Indexes.ascending("other_" + name), new IndexOptions().name(name));
        }
        conversations.withIndex(Indexes.ascending("sessionId"), new IndexOptions().name("plain"));
        conversations.with(List.of(document(1), document(2).append("sessionId", new BsonString("s-1"))));
        IntegrityReport report = conversations.heal();
        assertThat(report.holds(TestCollection.INVARIANT)).isTrue();
        assertThat(report.notEnforced()).isEmpty();
        List<IndexView> all = new IndexCommands(conversations.database, conversations.collection)
                .list()
                .await()
                .indefinitely();
        assertThat(all)
                .filteredOn(index -> index.key().getFirstKey().startsWith("other_"))
                .hasSize(6);
        assertThat(conversations.verify().scanned()).isZero();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{holder: 5, renewedAt: 'text', progress: 5}",
                "{}",
                "{holder: 'somebody', renewedAt: 'text', host: 'h', progress: 'index'}",
                "{holder: 'somebody', renewedAt: {$date: '2999-01-01T00:00:00Z'}, host: 'h', progress: 'index'}",
                "{holder: 'somebody', progress: 'index'}"
            })
    void malformedLeaseAndLeaseFromTheFutureAreFree(String stored) {
        await(conversations
                .database
                .getCollection(Lease.COLLECTION, BsonDocument.class)
                .insertOne(BsonDocument.parse(stored).append("_id", new BsonString("conversations"))));
        conversations.with("{conversationId: 'a'}");
        assertThat(conversations
                        .run(conversations.progress(), ValidatorMode.ENFORCE)
                        .heal()
                        .await()
                        .atMost(java.time.Duration.ofSeconds(30))
                        .healed())
                .isEqualTo(1);
    }

    @Test
    void verifyRefusesAViewByName() {
        await(conversations.database.createView("conversations", "others", List.of()));
        assertThatThrownBy(conversations::verify)
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("conversations is a view");
    }
}
