package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.CONVERSATION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.MongoWriteException;
import com.mongodb.client.model.Collation;
import com.mongodb.client.model.CreateCollectionOptions;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.integrity.engine.repair.DuplicateRepair;
import consulting.lmx.conversation.integrity.engine.repair.RateLimiter;
import consulting.lmx.conversation.integrity.engine.repair.Repair;
import consulting.lmx.conversation.integrity.engine.repair.RepairWriter;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.testsupport.LegacyDump;
import consulting.lmx.conversation.testsupport.TestServer;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;
import org.bson.BsonArray;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonNull;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.types.ObjectId;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
class IntegrityRunTest {

    private final TestCollection conversations = new TestCollection();

    @AfterEach
    void drop() {
        conversations.close();
    }

    @Test
    void legacyDumpIsHealed() {
        List<BsonDocument> dump = LegacyDump.documents();
        Set<BsonValue> expectedBroken = new HashSet<>();
        Map<String, Integer> expectedReasons = new HashMap<>();
        dump.forEach(document -> Defect.of(document.get("sessionId")).ifPresent(defect -> {
            expectedBroken.add(document.get("_id"));
            expectedReasons.merge(defect.word(), 1, Integer::sum);
        }));

        IntegrityReport report = conversations.with(dump).heal();

        Map<BsonValue, BsonDocument> after = conversations.byId();
        assertThat(after).hasSameSizeAs(dump);
        assertThat(after.values().stream()
                        .map(d -> d.getString("sessionId").getValue())
                        .distinct())
                .hasSameSizeAs(dump);
        long duplicates = 0;
        for (BsonDocument before : dump) {
            BsonDocument now = after.get(before.get("_id"));
            BsonDocument repair = now.getDocument("sessionIdRepair", null);
            if (repair == null) {
                assertThat(expectedBroken).doesNotContain(before.get("_id"));
                assertThat(raw(now)).isEqualTo(raw(before));
            } else if (repair.getString("reason").getValue().equals("duplicate")) {
                duplicates++;
                assertThat(repair.get("was")).isEqualTo(before.get("sessionId"));
            } else {
                assertThat(expectedBroken).contains(before.get("_id"));
                assertRepaired(before, now, repair);
            }
        }
        expectedReasons.forEach((reason, n) -> assertThat(report.broken()).containsEntry(reason, n.longValue()));
        assertThat(duplicates).isEqualTo(43).isEqualTo(report.broken().get("duplicate"));
        assertThat(report.healed())
                .isEqualTo(expectedBroken.size() + duplicates)
                .isEqualTo(conversations.healed.get());
        assertThat(report.left()).isZero();
        assertThat(report.duplicatesLeft()).isZero();
        assertThat(report.scanned()).isEqualTo(4000);
        assertThat(report.seconds()).isPositive();
    }

    private static void assertRepaired(BsonDocument before, BsonDocument now, BsonDocument repair) {
        BsonDocument expected = before.clone();
        expected.put("sessionId", now.get("sessionId"));
        expected.put("updatedAt", repair.get("at"));
        expected.put("sessionIdRepair", repair);
        assertThat(now).isEqualTo(expected);
        BsonValue was = before.get("sessionId");
        assertThat(repair.get("was")).isEqualTo(was == null || was.isNull() ? null : was);
        if (repair.getString("reason").getValue().equals("binary-uuid")) {
            assertThat(now.getString("sessionId").getValue())
                    .isEqualTo(was.asBinary().asUuid().toString());
        }
        assertCanonicalUuid(now.getString("sessionId").getValue());
    }

    private static void assertCanonicalUuid(String text) {
        assertThat(UUID.fromString(text)).hasToString(text);
    }

    /** The bytes of a document, which show the order of its fields and their types. */
    private static RawBsonDocument raw(BsonDocument document) {
        return new RawBsonDocument(document, new BsonDocumentCodec());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "missing      | {}",
                "null         | {key: null}",
                "blank        | {key: ''}",
                "blank        | {key: ' \\t\\u2003\\u3000\\u00a0'}",
                "binary-uuid  | {key: {$binary: {base64: 'EjRWeBI0VngSNFZ4EjRWeA==', subType: '04'}}}",
                "not-a-string | {key: {$binary: {base64: 'EjRWeBI0VngSNFZ4EjRWeA==', subType: '03'}}}",
                "not-a-string | {key: 7}",
                "not-a-string | {key: {$numberLong: '7'}}",
                "not-a-string | {key: 1.5}",
                "not-a-string | {key: true}",
                "not-a-string | {key: {$date: 0}}",
                "not-a-string | {key: {$oid: '67c2532e5d9dc9f81818e811'}}",
                "not-a-string | {key: {a: 'b'}}",
                "not-a-string | {key: ['a string in an array']}",
                "not-a-string | {key: []}",
                "not-a-string | {key: {$regularExpression: {pattern: 'a', options: ''}}}"
            })
    void eachReasonIsHealedInEitherField(String reason, String value) {
        BsonDocument parsed = BsonDocument.parse(value);
        for (RequiredKey key : TestCollection.INVARIANT.keys()) {
            RequiredKey other = key == SESSION_ID ? CONVERSATION_ID : SESSION_ID;
            BsonDocument document = new BsonDocument("_id", new BsonString(key.field()))
                    .append(other.field(), new BsonString("sound, of " + key.field()));
            if (parsed.containsKey("key")) {
                document.append(key.field(), parsed.get("key"));
            }
            conversations.with(List.of(document.append("userId", new BsonString("u"))));
        }

        IntegrityReport report = conversations.heal();

        assertThat(report.broken()).containsEntry(reason, 1L);
        assertThat(report.others().get("conversationId").broken()).containsEntry(reason, 1L);
        assertThat(report.healed()).isEqualTo(1);
        assertThat(report.others().get("conversationId").healed()).isEqualTo(1);
        for (RequiredKey key : TestCollection.INVARIANT.keys()) {
            BsonDocument healed = conversations.one(key.field());
            assertCanonicalUuid(healed.getString(key.field()).getValue());
            BsonDocument repair = healed.getDocument(key.repairField());
            assertThat(repair.getString("reason").getValue()).isEqualTo(reason);
            assertThat(repair.getString("run").getValue()).isEqualTo(report.run());
            assertThat(repair.get("at")).isEqualTo(healed.get("updatedAt"));
            BsonValue was = parsed.get("key");
            assertThat(repair.get("was")).isEqualTo(was == null || was.isNull() ? null : was);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"a", " leading", "trailing ", "6f03675a1600435a899950d836f675cc", "NOT-A-UUID", "\u200b", "日本"})
    void stringThatIsNotBlankStays(String sessionId) {
        BsonDocument document = new BsonDocument("_id", new BsonInt32(1))
                .append("conversationId", new BsonString("c"))
                .append("sessionId", new BsonString(sessionId));
        conversations.with(List.of(document)).heal();
        assertThat(conversations.one(1)).isEqualTo(document);
    }

    @Test
    void olderOfTwoDocumentsKeepsTheSharedConversationId() {
        conversations.with(
                "{_id: 1, conversationId: 'c', sessionId: 'young', createdAt: {$date: 2000}}",
                "{_id: 2, conversationId: 'c', sessionId: 'old', createdAt: {$date: 1000}}");

        IntegrityReport report = conversations.heal();

        assertThat(conversations.one(2).getString("conversationId").getValue()).isEqualTo("c");
        assertThat(conversations.one(2)).doesNotContainKey("conversationIdRepair");
        BsonDocument younger = conversations.one(1);
        assertCanonicalUuid(younger.getString("conversationId").getValue());
        assertThat(younger.getDocument("conversationIdRepair")
                        .getString("reason")
                        .getValue())
                .isEqualTo("duplicate");
        assertThat(younger.getDocument("conversationIdRepair").getString("was").getValue())
                .isEqualTo("c");
        assertThat(report.others().get("conversationId").broken()).containsEntry("duplicate", 1L);
    }

    @Test
    void oldestDuplicateByCreationThenByIdKeepsTheKey() {
        ObjectId early = new ObjectId(1, 1);
        ObjectId late = new ObjectId(3000, 1);
        conversations.with(
                "{_id: {$oid: '%s'}, conversationId: 'a', sessionId: 's'}".formatted(late),
                "{_id: 5, conversationId: 'b', sessionId: 's', createdAt: {$date: 2000000}}",
                "{_id: {$oid: '%s'}, conversationId: 'c', sessionId: 's'}".formatted(early),
                "{_id: 'no age at all', conversationId: 'd', sessionId: 's'}",
                "{_id: 7, conversationId: 'e', sessionId: 't', createdAt: {$date: 5}}",
                "{_id: 6, conversationId: 'f', sessionId: 't', createdAt: {$date: 5}}");
        conversations.heal();
        assertThat(conversations.one(early).getString("sessionId").getValue()).isEqualTo("s");
        assertThat(conversations.one(6).getString("sessionId").getValue()).isEqualTo("t");
        assertThat(conversations.byId().values().stream().filter(d -> d.containsKey("sessionIdRepair")))
                .hasSize(4);
    }

    @Test
    void binaryUuidGetsANewValueIfItsTextIsTaken() {
        conversations
                .with("{_id: 1, conversationId: 'a', sessionId: '12345678-1234-5678-1234-567812345678'}")
                .heal();
        if (TestServer.isGenuine()) {
            conversations
                    .run(conversations.progress(), ValidatorMode.OFF)
                    .heal()
                    .await()
                    .indefinitely();
        }
        conversations.with(
                "{_id: 2, conversationId: 'b', sessionId: {$binary: {base64: 'EjRWeBI0VngSNFZ4EjRWeA==', subType: '04'}}}");

        conversations.heal();

        assertThat(conversations.one(1).getString("sessionId").getValue())
                .isEqualTo("12345678-1234-5678-1234-567812345678");
        BsonDocument second = conversations.one(2);
        assertCanonicalUuid(second.getString("sessionId").getValue());
        assertThat(second.getDocument("sessionIdRepair").getString("reason").getValue())
                .isEqualTo("duplicate");
    }

    @Test
    void secondRunFindsNothingAndChangesNothing() {
        conversations.with(LegacyDump.documents()).heal();
        Map<BsonValue, BsonDocument> healed = conversations.byId();
        IntegrityReport second = conversations.heal();
        assertThat(second.healed()).isZero();
        assertThat(second.broken().values()).containsOnly(0L);
        assertThat(conversations.byId()).isEqualTo(healed);
    }

    @Test
    void emptyDatabaseGetsTheCollectionAndItsIndexes() {
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isZero();
        assertThat(report.indexes())
                .extracting(IntegrityReport.IndexReport::name)
                .contains("sessionId_1", "conversationId_1");
        assertThat(report.indexes()).allMatch(IntegrityReport.IndexReport::ok);
    }

    @Test
    void verifyCountsAndWritesNothing() {
        conversations.with(LegacyDump.documents());
        Map<BsonValue, BsonDocument> before = conversations.byId();
        RunProgress progress = conversations.progress();

        assertThatThrownBy(() -> conversations
                        .run(progress, ValidatorMode.ENFORCE)
                        .verify()
                        .await()
                        .indefinitely())
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("does not hold")
                .hasMessageContaining("on-start=repair");

        assertThat(conversations.byId()).isEqualTo(before);
        assertThat(conversations.indexes(SESSION_ID)).isEmpty();
        assertThat(progress.counts(SESSION_ID).brokenByWord())
                .containsEntry("null", 474L)
                .containsEntry("missing", 203L);
    }

    @Test
    void dryRunCountsBrokenDocumentsAndDuplicates() {
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 's'}",
                "{_id: 2, conversationId: 'b', sessionId: 's'}",
                "{_id: 3, conversationId: 'c', sessionId: 's'}",
                "{_id: 4, conversationId: 'd', sessionId: 't'}",
                "{_id: 5, conversationId: 'e', sessionId: 't'}",
                "{_id: 6, conversationId: 'f', sessionId: null}",
                "{_id: 7, conversationId: 'g'}",
                "{_id: 8, conversationId: null, sessionId: 'u'}");
        IntegrityReport report = conversations
                .run(conversations.progress(), ValidatorMode.ENFORCE)
                .dryRun()
                .await()
                .indefinitely();
        assertThat(report.left()).isEqualTo(3);
        assertThat(report.duplicatesLeft()).isEqualTo(3);
        assertThat(report.scanned()).isEqualTo(8);
        assertThat(report.healed()).isZero();
        assertThat(report.holds(TestCollection.INVARIANT)).isFalse();
    }

    @Test
    void arraysWithTheSameTextAreNotDuplicates() {
        conversations.with(
                "{_id: 1, sessionId: 's'}", "{_id: 2, sessionId: 's'}",
                "{_id: 3, sessionId: ['s']}", "{_id: 4, sessionId: ['s']}");
        RepairWriter writer = new RepairWriter(
                conversations.collection,
                "updatedAt",
                Clock.systemUTC(),
                new RateLimiter(OptionalInt.empty(), System::nanoTime));
        RunProgress progress = conversations.progress();
        new DuplicateRepair(conversations.collection, writer, "createdAt", 10)
                .run(SESSION_ID, progress, Uni.createFrom().voidItem())
                .await()
                .indefinitely();
        assertThat(conversations.one(1).getString("sessionId").getValue()).isEqualTo("s");
        assertThat(conversations.one(2).getString("sessionId").getValue()).isNotEqualTo("s");
        assertThat(conversations.one(3)).isEqualTo(BsonDocument.parse("{_id: 3, sessionId: ['s']}"));
        assertThat(conversations.one(4)).isEqualTo(BsonDocument.parse("{_id: 4, sessionId: ['s']}"));
        assertThat(progress.totalHealed()).isEqualTo(1);
    }

    @Test
    void verifySucceedsAfterAHeal() {
        conversations.with(LegacyDump.documents()).heal();
        assertThat(conversations.verify().left()).isZero();
    }

    @Test
    void databaseItselfRefusesWhatBreaksTheInvariant() {
        TestServer.assumeGenuine("validators");
        IntegrityReport report = conversations.with(LegacyDump.documents()).heal();
        assertThat(report.validator()).isEqualTo("strict");
        for (String broken : List.of(
                "{conversationId: 'x'}",
                "{conversationId: 'x', sessionId: null}",
                "{conversationId: 'x', sessionId: ''}",
                "{conversationId: 'x', sessionId: ' \u2003'}",
                "{conversationId: 'x', sessionId: 5}",
                "{conversationId: 'x', sessionId: ['a']}",
                "{sessionId: 'x'}",
                "{conversationId: null, sessionId: 'x'}")) {
            assertThatThrownBy(() -> conversations.with(broken))
                    .isInstanceOfSatisfying(
                            com.mongodb.MongoBulkWriteException.class,
                            e -> assertThat(e.getWriteErrors().get(0).getCode()).isEqualTo(121));
        }
        BsonValue any = conversations.byId().keySet().iterator().next();
        assertThatThrownBy(() -> await(conversations.collection.updateOne(
                        new BsonDocument("_id", any), BsonDocument.parse("{$unset: {sessionId: 1}}"))))
                .isInstanceOfSatisfying(
                        MongoWriteException.class,
                        e -> assertThat(e.getError().getCode()).isEqualTo(121));
    }

    @Test
    void foreignValidatorStaysInForce() {
        TestServer.assumeGenuine("validators");
        await(conversations.database.createCollection(
                "conversations",
                new CreateCollectionOptions()
                        .validationOptions(new com.mongodb.client.model.ValidationOptions()
                                .validator(BsonDocument.parse("{userId: {$type: 'string'}}")))));
        conversations.heal();
        assertThatThrownBy(() -> conversations.with("{conversationId: 'a', sessionId: 'a', userId: 5}"))
                .hasMessageContaining("Document failed validation");
        assertThatThrownBy(() -> conversations.with("{conversationId: 'a', userId: 'u'}"))
                .hasMessageContaining("Document failed validation");
        conversations.with("{conversationId: 'a', sessionId: 'a', userId: 'u'}");

        IntegrityReport without = conversations
                .run(conversations.progress(), ValidatorMode.OFF)
                .heal()
                .await()
                .indefinitely();
        assertThat(without.validator()).isEqualTo("none");
        assertThatThrownBy(() -> conversations.with("{conversationId: 'b', sessionId: 'b', userId: 5}"))
                .hasMessageContaining("Document failed validation");
        conversations.with("{conversationId: 'c', userId: 'u'}");
    }

    @Test
    void validatorInModeWarnAcceptsOldWriters() {
        TestServer.assumeGenuine("validators");
        IntegrityReport report = conversations
                .run(conversations.progress(), ValidatorMode.WARN)
                .heal()
                .await()
                .indefinitely();
        assertThat(report.validator()).isEqualTo("warn");
        conversations.with("{_id: 1, conversationId: 'a'}");
        conversations
                .run(conversations.progress(), ValidatorMode.WARN)
                .heal()
                .await()
                .indefinitely();
        assertCanonicalUuid(conversations.one(1).getString("sessionId").getValue());
    }

    @Test
    void reportNamesMissingValidators() {
        org.junit.jupiter.api.Assumptions.assumeFalse(TestServer.isGenuine(), "a genuine server has validators");
        IntegrityReport report = conversations.heal();
        assertThat(report.validator()).isEqualTo("none");
        assertThat(report.notEnforced()).containsExactly("collMod");
    }

    @Test
    void viewIsRefusedByName() {
        TestServer.assumeGenuine("views");
        await(conversations.database.createView("conversations", "others", List.of()));
        assertThatThrownBy(conversations::heal)
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("conversations is a view");
    }

    @Test
    void cappedCollectionIsRefusedByName() {
        TestServer.assumeGenuine("capped collections");
        await(conversations.database.createCollection(
                "conversations", new CreateCollectionOptions().capped(true).sizeInBytes(4096)));
        assertThatThrownBy(conversations::heal)
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("conversations is a capped collection");
    }

    @Test
    void repairDoesNothingAfterAConcurrentWrite() {
        conversations.with("{_id: 1, conversationId: 'c', sessionId: null}");
        Repair late = Repair.of(new BsonInt32(1), BsonNull.VALUE, Defect.NULL, SESSION_ID);
        await(conversations.collection.updateOne(
                BsonDocument.parse("{_id: 1}"), BsonDocument.parse("{$set: {sessionId: 'by a writer'}}")));
        RunProgress progress = conversations.progress();

        writer().repair(List.of(late), SESSION_ID, progress).await().indefinitely();

        assertThat(conversations.one(1))
                .isEqualTo(BsonDocument.parse("{_id: 1, conversationId: 'c', sessionId: 'by a writer'}"));
        assertThat(progress.totalHealed()).isZero();
    }

    @Test
    void commonRepairsKeepConcurrentWrites() {
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: null}",
                "{_id: 2, conversationId: 'b'}",
                "{_id: 3, conversationId: 'c', sessionId: ' '}");
        List<Repair> late = List.of(
                Repair.of(new BsonInt32(1), BsonNull.VALUE, Defect.NULL, SESSION_ID),
                Repair.of(new BsonInt32(2), null, Defect.MISSING, SESSION_ID),
                Repair.of(new BsonInt32(3), new BsonString(" "), Defect.BLANK, SESSION_ID));
        await(conversations.collection.updateOne(
                BsonDocument.parse("{_id: 2}"), BsonDocument.parse("{$set: {sessionId: 'by a writer'}}")));
        RunProgress progress = conversations.progress();

        writer().repair(late, SESSION_ID, progress).await().indefinitely();

        assertThat(conversations.one(2))
                .isEqualTo(BsonDocument.parse("{_id: 2, conversationId: 'b', sessionId: 'by a writer'}"));
        assertThat(conversations.one(1).getString("sessionId").getValue())
                .isEqualTo(late.get(0).value());
        assertThat(conversations.one(3).getString("sessionId").getValue())
                .isEqualTo(late.get(2).value());
        assertThat(progress.counts(SESSION_ID).healedByWord())
                .containsEntry("null", 1L)
                .containsEntry("missing", 0L)
                .containsEntry("blank", 1L);
    }

    @Test
    void singleRepairsKeepConcurrentWrites() {
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 5}", "{_id: 2, conversationId: 'b', sessionId: 6}");
        List<Repair> late = List.of(
                Repair.of(new BsonInt32(1), new BsonInt32(5), Defect.NOT_A_STRING, SESSION_ID),
                Repair.of(new BsonInt32(2), new BsonInt32(6), Defect.NOT_A_STRING, SESSION_ID));
        await(conversations.collection.updateOne(
                BsonDocument.parse("{_id: 2}"), BsonDocument.parse("{$set: {sessionId: 'by a writer'}}")));
        RunProgress progress = conversations.progress();

        writer().repair(late, SESSION_ID, progress).await().indefinitely();

        assertThat(conversations.one(2))
                .isEqualTo(BsonDocument.parse("{_id: 2, conversationId: 'b', sessionId: 'by a writer'}"));
        assertThat(conversations.one(1).getString("sessionId").getValue())
                .isEqualTo(late.get(0).value());
        assertThat(progress.totalHealed()).isEqualTo(1);
    }

    /** Runs each kind of guard: in a collection with a collation every repair is a single update. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{sessionId: null}",
                "{sessionId: ' '}",
                "{sessionId: ['a']}",
                "{sessionId: {$regularExpression: {pattern: 'a', options: ''}}}",
                "{sessionId: {$undefined: true}}"
            })
    void guardOfEachTypeKeepsConcurrentWrites(String broken) {
        TestServer.assumeGenuine("collations");
        await(conversations.database.createCollection(
                "conversations",
                new CreateCollectionOptions()
                        .collation(Collation.builder().locale("en").build())));
        BsonValue was = BsonDocument.parse(broken).get("sessionId");
        for (int id = 1; id <= 2; id++) {
            conversations.with(List.of(BsonDocument.parse(broken).append("_id", new BsonInt32(id))));
        }
        List<Repair> late = IntStream.of(1, 2)
                .mapToObj(id -> Repair.of(new BsonInt32(id), was, Defect.of(was).orElseThrow(), SESSION_ID))
                .toList();
        await(conversations.collection.updateOne(
                BsonDocument.parse("{_id: 2}"), BsonDocument.parse("{$set: {sessionId: 'by a writer'}}")));
        RunProgress progress = conversations.progress();

        writer().repair(late, SESSION_ID, progress).await().indefinitely();

        assertThat(conversations.one(2)).isEqualTo(BsonDocument.parse("{_id: 2, sessionId: 'by a writer'}"));
        assertThat(conversations.one(1).getString("sessionId").getValue())
                .isEqualTo(late.get(0).value());
        assertThat(progress.totalHealed()).isEqualTo(1);
    }

    @Test
    void missingListIndexIsCreatedOnAHealthyCollection() {
        TestServer.assumeGenuine("indexes that are not unique");
        conversations.heal();
        String name = TestCollection.INVARIANT.listIndexes().get(0).name();
        await(conversations.collection.dropIndex(name));

        conversations.heal();

        assertThat(Publishers.list(conversations.collection.listIndexes(BsonDocument.class))
                        .await()
                        .indefinitely())
                .anyMatch(index -> index.getString("name").getValue().equals(name));
    }

    private RepairWriter writer() {
        return new RepairWriter(
                conversations.collection,
                "updatedAt",
                Clock.systemUTC(),
                new RateLimiter(OptionalInt.empty(), System::nanoTime));
    }

    /** Unsorted ObjectIds with all leading bytes, and other ids among them. */
    @ParameterizedTest
    @CsvSource({"1, 0", "16, 0", "17, 0", "1000, 0", "100, 3"})
    void eachDocumentOfABatchGetsItsOwnValue(int objectIds, int others) {
        Random random = new Random(objectIds);
        List<BsonValue> ids = new ArrayList<>();
        for (int i = 0; i < objectIds; i++) {
            byte[] bytes = new byte[12];
            random.nextBytes(bytes);
            ids.add(new BsonObjectId(new ObjectId(bytes)));
        }
        IntStream.range(0, others).forEach(i -> ids.add(random.nextInt(ids.size()), new BsonInt32(i)));
        conversations.with(ids.stream().map(id -> new BsonDocument("_id", id)).toList());
        Collections.shuffle(ids, random);
        List<Repair> repairs = ids.stream()
                .map(id -> Repair.of(id, null, Defect.MISSING, SESSION_ID))
                .toList();
        RunProgress progress = conversations.progress();

        writer().repair(repairs, SESSION_ID, progress).await().indefinitely();

        Map<BsonValue, BsonDocument> now = conversations.byId();
        assertThat(repairs)
                .allSatisfy(repair -> assertThat(now.get(repair.id()).getString("sessionId"))
                        .isEqualTo(new BsonString(repair.value())));
        assertThat(progress.totalHealed()).isEqualTo(ids.size());
    }

    /** Up to MongoDB 4.4 an insert accepts such a name, but every update that copies the document fails. */
    @Test
    void fieldNamesThatTheServerCannotCopyDoNotFailTheRun() {
        TestServer.assumeGenuine("rules for the names of fields");
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: null}",
                "{_id: 2, conversationId: 'b', sessionId: null, metadata: {'$x': 1}}",
                "{_id: 3, conversationId: 'c', sessionId: ' '}",
                "{_id: 4, conversationId: 'd', sessionId: {'$y': 2}}",
                "{_id: 5, conversationId: 'e', sessionId: {'a.b': [3]}}");

        IntegrityReport report = conversations.heal();

        assertThat(report.healed()).isEqualTo(5).isEqualTo(conversations.healed.get());
        assertThat(report.left()).isZero();
        assertThat(report.broken())
                .containsEntry("null", 2L)
                .containsEntry("blank", 1L)
                .containsEntry("not-a-string", 2L);
        conversations
                .byId()
                .values()
                .forEach(document ->
                        assertCanonicalUuid(document.getString("sessionId").getValue()));
        assertThat(conversations.one(2)).containsEntry("metadata", BsonDocument.parse("{'$x': 1}"));
        assertThat(was(3)).isEqualTo(new BsonString(" "));
        assertThat(was(5)).isEqualTo(BsonDocument.parse("{'a.b': [3]}"));
        BsonValue was = was(4);
        assertThat(
                        was.isString()
                                ? BsonDocument.parse(was.asString().getValue()).get("was")
                                : was)
                .as("as it was, or as text where the server takes it nowhere else")
                .isEqualTo(BsonDocument.parse("{'$y': 2}"));
    }

    private BsonValue was(int id) {
        return conversations.one(id).getDocument("sessionIdRepair").get("was");
    }

    /** The scan does not keep such values. The server copies each into the record, as it is when the repair arrives. */
    @Test
    void largeValuesAreRepairedAsTheyAreNow() {
        TestServer.assumeGenuine("updates with pipelines");
        BsonValue blank = new BsonString(" ".repeat(3000));
        BsonValue binary = new BsonBinary(new byte[3000]);
        BsonValue array = new BsonArray(List.of(new BsonString("x".repeat(3000))));
        List<BsonValue> scanned = List.of(array, array, array, array, binary, blank);
        for (int id = 1; id <= scanned.size(); id++) {
            conversations.with(
                    List.of(new BsonDocument("_id", new BsonInt32(id)).append("sessionId", scanned.get(id - 1))));
        }
        List<Repair> repairs = Publishers.list(conversations
                        .collection
                        .withDocumentClass(RawBsonDocument.class)
                        .find(Defect.filter("sessionId")))
                .await()
                .indefinitely()
                .stream()
                .map(document -> Repair.of(document, SESSION_ID).orElseThrow())
                .toList();
        assertThat(repairs).hasSameSizeAs(scanned).allMatch(repair -> repair.was() == Repair.UNSENDABLE);
        await(conversations.collection.deleteMany(new BsonDocument()));
        conversations.with(List.of(
                BsonDocument.parse("{_id: 1}").append("sessionId", array),
                BsonDocument.parse("{_id: 2, sessionId: 'by a writer'}"),
                BsonDocument.parse("{_id: 4}"),
                BsonDocument.parse("{_id: 5}").append("sessionId", binary),
                BsonDocument.parse("{_id: 6}").append("sessionId", blank)));
        RunProgress progress = conversations.progress();

        writer().repair(repairs, SESSION_ID, progress).await().indefinitely();

        assertThat(was(1)).isEqualTo(array);
        assertThat(conversations.one(2)).isEqualTo(BsonDocument.parse("{_id: 2, sessionId: 'by a writer'}"));
        assertThat(was(4)).isNull();
        assertThat(was(5)).isEqualTo(binary);
        assertThat(was(6)).isEqualTo(blank);
        assertThat(progress.counts(SESSION_ID).healedByWord())
                .containsEntry("missing", 1L)
                .containsEntry("blank", 1L)
                .containsEntry("not-a-string", 2L);
    }

    @Test
    void idsOfAnyTypeAreReached() {
        conversations.with(
                "{_id: 'text', conversationId: 'a'}",
                "{_id: 5, conversationId: 'b'}",
                "{_id: {a: 1}, conversationId: 'c'}",
                "{_id: {$oid: '67c2532e5d9dc9f81818e811'}, conversationId: 'd'}");
        assertThat(conversations.heal().healed()).isEqualTo(4);
        assertThat(conversations.one(new BsonObjectId(new ObjectId("67c2532e5d9dc9f81818e811"))))
                .containsKey("sessionIdRepair");
    }
}
