package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.client.model.CreateCollectionOptions;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.ValidationOptions;
import consulting.lmx.conversation.integrity.ConversationInvariant;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Runs each branch that depends on the server's version, by rewriting answers to those of the other version. docs/servers.md
 * lists the differences and their sources.
 */
@Tag("slow")
class ServerVersionsTest {

    private RewritingProxy proxy;
    private TestCollection conversations;

    @BeforeEach
    void connect() throws IOException {
        TestServer.assumeGenuine("answers that could be rewritten to those of a newer one");
        proxy = RewritingProxy.to(TestServer.uri());
        conversations = new TestCollection(proxy.uri());
    }

    @AfterEach
    void close() throws IOException {
        if (conversations != null) {
            conversations.close();
            proxy.close();
        }
    }

    private static BsonDocument ok() {
        return new BsonDocument("ok", new BsonDouble(1));
    }

    private void hello(UnaryOperator<BsonDocument> rewrite) {
        proxy.answer("hello", rewrite).answer("isMaster", rewrite);
    }

    /** The driver sends options of the newer version, which the proxy removes for the real server. */
    private void pretendWireVersion(int version) {
        hello(answer -> answer.append("maxWireVersion", new BsonInt32(version)));
        proxy.command("createIndexes", command -> {
            command.remove("commitQuorum");
            return command;
        });
    }

    private List<BsonValue> quorums() {
        return proxy.seen("createIndexes").stream()
                .map(command -> command.get("commitQuorum"))
                .distinct()
                .toList();
    }

    @Test
    void indexBuildOf44WaitsForTheMajorityAlone() throws IOException {
        proxy.close();
        proxy = RewritingProxy.to(TestServer.uri());
        pretendWireVersion(9);
        conversations = new TestCollection(proxy.uri());
        conversations.heal();
        assertThat(quorums()).containsExactly(new BsonString("majority"));
    }

    @Test
    void standaloneServerOf44GetsNoCommitQuorum() throws IOException {
        proxy.close();
        proxy = RewritingProxy.to(TestServer.uri());
        pretendWireVersion(9);
        hello(answer -> {
            List.of("setName", "setVersion", "hosts", "primary", "me", "electionId")
                    .forEach(answer::remove);
            return answer;
        });
        conversations = new TestCollection(proxy.uri());
        conversations.heal();
        assertThat(quorums()).containsOnlyNulls().hasSize(1);
    }

    @Test
    void serverBefore44GetsNoCommitQuorum() {
        conversations.heal();
        assertThat(quorums()).containsOnlyNulls().hasSize(1);
    }

    @Test
    void serverWithHelloGetsNoIsMaster() {
        proxy.command("hello", command -> {
            BsonDocument old = new BsonDocument("isMaster", new BsonInt32(1));
            old.putAll(command);
            old.remove("hello");
            return old;
        });
        int before = proxy.seen("isMaster").size();
        conversations.heal();
        assertThat(proxy.seen("isMaster").stream().skip(before).filter(command -> !command.containsKey("helloOk")))
                .as("the driver's own monitor sends helloOk")
                .isEmpty();
        assertThat(proxy.seen("hello")).isNotEmpty();
    }

    @Test
    void serverWithoutHelloGetsIsMaster() {
        proxy.instead("hello", command -> RewritingProxy.error(59, "CommandNotFound"));
        conversations.with("{conversationId: 'a'}");
        assertThat(conversations.heal().healed()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({"59, CommandNotFound", "115, CommandNotSupported", "238, NotImplemented"})
    void reportNamesMissingCollMod(int code, String name) {
        proxy.instead("collMod", command -> RewritingProxy.error(code, name));
        conversations.withIndex(Indexes.ascending("sessionId"), new IndexOptions());
        conversations.with("{conversationId: 'a'}", "{conversationId: 'b', sessionId: 's'}");
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(1);
        assertThat(report.holds(TestCollection.INVARIANT)).isTrue();
        assertThat(report.notEnforced()).containsExactly("collMod");
    }

    @ParameterizedTest
    @CsvSource({"59, CommandNotFound", "115, CommandNotSupported", "238, NotImplemented"})
    void reportNamesMissingTtlIndexes(int code, String name) {
        proxy.instead("collMod", command -> RewritingProxy.error(code, name));
        IntegrityReport report = new IntegrityRun(
                        conversations.database,
                        ConversationInvariant.withRetention(Optional.of(java.time.Duration.ofHours(1))),
                        TestCollection.settings(Optional.of(ValidatorMode.ENFORCE), false),
                        conversations.progress(),
                        conversations.capabilities,
                        java.time.Clock.systemUTC())
                .heal()
                .await()
                .indefinitely();
        assertThat(report.notEnforced()).containsExactlyInAnyOrder("collMod", "expireAfterSeconds");
    }

    /** The server's list, with one item changed. */
    private static BsonDocument listed(
            BsonDocument answer, Predicate<BsonDocument> which, UnaryOperator<BsonDocument> change) {
        if (!answer.containsKey("cursor")) {
            return answer;
        }
        BsonDocument cursor = answer.getDocument("cursor");
        BsonArray changed = new BsonArray();
        cursor.getArray("firstBatch")
                .forEach(index ->
                        changed.add(which.test(index.asDocument()) ? change.apply(index.asDocument()) : index));
        cursor.append("firstBatch", changed);
        return answer;
    }

    private static boolean isNamed(BsonDocument index, String name) {
        return index.getString("name").getValue().equals(name);
    }

    /** From 6.0 on the server refuses new duplicates, reports existing ones with code 359, and converts the index in place. */
    @Test
    void indexIsConvertedInPlaceByPrepareUnique() {
        List<String> steps = new ArrayList<>();
        proxy.instead("collMod", command -> {
            BsonDocument index = command.getDocument("index", new BsonDocument());
            if (index.containsKey("prepareUnique")) {
                steps.add("prepareUnique");
                return ok();
            }
            if (index.containsKey("unique")) {
                steps.add("unique");
                return steps.size() == 2 ? RewritingProxy.error(359, "CannotConvertIndexToUnique") : ok();
            }
            return null;
        });
        proxy.answer(
                "listIndexes",
                answer -> listed(
                        answer,
                        index -> isNamed(index, "plain") && steps.size() == 4,
                        index -> index.append("unique", BsonBoolean.TRUE)));
        conversations.withIndex(Indexes.ascending("sessionId"), new IndexOptions().name("plain"));
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 's'}", "{_id: 2, conversationId: 'b', sessionId: 's'}");

        IntegrityReport report = conversations.heal();

        assertThat(steps).containsExactly("prepareUnique", "unique", "prepareUnique", "unique");
        assertThat(report.healed()).isEqualTo(1);
        assertThat(conversations.indexes(SESSION_ID))
                .extracting(IndexView::name)
                .containsExactly("plain");
        assertThat(proxy.seen("createIndexes"))
                .noneMatch(command -> command.toJson().contains("sessionId_1"));
    }

    /**
     * From 5.0 on, two indexes of one key may differ only in being unique. The real server gets an additional field in the key
     * of the unique one, which no document has.
     */
    @Test
    void uniqueIndexIsCreatedBesideTheExistingIndexOfTheSameKey() {
        BsonDocument wide = BsonDocument.parse("{sessionId: 1, absent: 1}");
        BsonDocument key = BsonDocument.parse("{sessionId: 1}");
        proxy.command("createIndexes", command -> {
            command.getArray("indexes").forEach(index -> {
                if (index.asDocument().get("key").equals(key)
                        && index.asDocument()
                                .getBoolean("unique", BsonBoolean.FALSE)
                                .getValue()) {
                    index.asDocument().append("key", wide);
                }
            });
            return command;
        });
        proxy.answer(
                "listIndexes",
                answer -> listed(answer, index -> index.get("key").equals(wide), index -> index.append("key", key)));
        await(conversations.collection.createIndex(
                Indexes.ascending("sessionId"), new IndexOptions().name("sessionId_1")));
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 's'}", "{_id: 2, conversationId: 'b', sessionId: 's'}");

        IntegrityReport report = conversations.heal();

        assertThat(report.healed()).isEqualTo(1);
        assertThat(conversations.indexes(SESSION_ID))
                .singleElement()
                .matches(index -> index.isDeclared("sessionId"))
                .matches(index -> index.name().equals("sessionId_1_unique"));
        assertThat(proxy.seen("createIndexes"))
                .as("no index of the other direction was needed in between")
                .noneMatch(command -> command.toJson().contains("in_between"));
        assertThat(conversations.verify().scanned()).isZero();
    }

    /** From 8.0 on, equality with null does not find {@code undefined}. */
    @Test
    void undefinedIsHealedIfEqualityWithNullDoesNotMatchIt() {
        for (String command : List.of("find", "update", "delete", "aggregate")) {
            proxy.command(command, document -> (BsonDocument) nullWithoutUndefined(document));
        }
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: {$undefined: true}}", "{_id: 2, conversationId: null}");
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(2);
        assertThat(report.broken()).containsEntry("not-a-string", 1L).containsEntry("missing", 1L);
        assertThat(report.left()).isZero();
    }

    private static BsonValue nullWithoutUndefined(BsonValue value) {
        if (value.isArray()) {
            BsonArray all = new BsonArray();
            value.asArray().forEach(part -> all.add(nullWithoutUndefined(part)));
            return all;
        }
        if (!value.isDocument()) {
            return value;
        }
        BsonDocument all = new BsonDocument();
        value.asDocument()
                .forEach((name, part) -> all.append(
                        name,
                        List.of("sessionId", "conversationId").contains(name) && part.isNull()
                                ? BsonDocument.parse("{$eq: null, $not: {$type: 6}}")
                                : nullWithoutUndefined(part)));
        return all;
    }

    /** From 8.1 on. */
    @Test
    void validatorThatLogsAndRefusesStays() {
        conversations.heal();
        proxy.answer(
                "listCollections",
                answer -> listed(answer, collection -> true, collection -> {
                    collection.getDocument("options").append("validationAction", new BsonString("errorAndLog"));
                    return collection;
                }));
        int before = proxy.seen("collMod").size();
        assertThat(conversations.heal().validator()).isEqualTo("strict");
        assertThat(proxy.seen("collMod")).hasSize(before);
    }

    /** From 9.0 on. */
    @Test
    void validationLevelConstraintStaysOnAHealthyCollection() {
        conversations.heal();
        proxy.answer(
                "listCollections",
                answer -> listed(answer, collection -> true, collection -> {
                    collection.getDocument("options").append("validationLevel", new BsonString("constraint"));
                    return collection;
                }));
        int before = proxy.seen("collMod").size();
        assertThat(conversations.heal().validator()).isEqualTo("constraint");
        assertThat(proxy.seen("collMod")).hasSize(before);
    }

    /** From 5.1 on, the slot-based engine explains a plan twice; the inner classic plan contains isMultiKey. */
    private static BsonDocument slotBased(BsonDocument explained) {
        BsonDocument planner = explained.getDocument("queryPlanner");
        planner.append(
                "winningPlan",
                new BsonDocument("queryPlan", planner.get("winningPlan"))
                        .append("slotBasedPlan", BsonDocument.parse("{slots: '$$RESULT=s1', stages: '[1] ixseek'}")));
        return explained.append("explainVersion", new BsonString("2"));
    }

    @ParameterizedTest
    @CsvSource({"'{}', 0", "'{sessionId: [\"hidden among strings\"]}', 1"})
    void plansOfTheSlotBasedEngineAreUnderstood(String broken, int healed) {
        conversations.with("{conversationId: 'a', sessionId: 'a'}", "{conversationId: 'z', sessionId: 'z'}");
        conversations.heal();
        conversations
                .run(conversations.progress(), ValidatorMode.OFF)
                .heal()
                .await()
                .indefinitely();
        proxy.answer("explain", ServerVersionsTest::slotBased);
        if (healed > 0) {
            conversations.with(List.of(BsonDocument.parse(broken).append("conversationId", new BsonString("m"))));
        }
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(healed);
        assertThat(report.scanned()).isEqualTo(healed > 0 ? 3 : 0);
    }

    @ParameterizedTest
    @CsvSource({"59, CommandNotFound", "323, APIStrictError", "13, Unauthorized"})
    void documentsAreReadIfTheServerDoesNotExplain(int code, String name) {
        conversations.heal();
        proxy.instead("explain", command -> RewritingProxy.error(code, name));
        assertThat(conversations.verify().left()).isZero();
        conversations
                .run(conversations.progress(), ValidatorMode.OFF)
                .heal()
                .await()
                .indefinitely();
        conversations.with("{conversationId: 'a', sessionId: ['x']}");
        assertThatThrownBy(conversations::verify).isInstanceOf(IntegrityException.class);
        assertThat(conversations.heal().healed()).isEqualTo(1);
    }

    /** From 5.0 on. */
    @Test
    void timeSeriesCollectionIsRefusedByName() {
        conversations.with("{conversationId: 'a', sessionId: 'a'}");
        proxy.answer(
                "listCollections",
                answer -> listed(
                        answer,
                        collection -> isNamed(collection, "conversations"),
                        collection -> collection.append("type", new BsonString("timeseries"))));
        assertThatThrownBy(conversations::heal).hasMessageContaining("conversations is a timeseries");
        assertThatThrownBy(conversations::verify).hasMessageContaining("conversations is a timeseries");
    }

    /** Up to 4.0, and on some hosted servers. */
    @Test
    void serverWithoutPipelinesInUpdatesHealsOneByOne() {
        proxy.instead(
                "update",
                command -> command.getArray("updates").stream()
                                .anyMatch(update -> update.asDocument().get("u").isArray())
                        ? RewritingProxy.error(14, "TypeMismatch")
                        : null);
        conversations.with(
                "{_id: 1, conversationId: 'a'}",
                "{_id: 2, conversationId: 'b', sessionId: null}",
                "{_id: 3, conversationId: 'c', sessionId: {a: 1}}",
                "{_id: 4, conversationId: 'd', sessionId: {$symbol: 'x'}}",
                "{_id: 5, conversationId: 'e', sessionId: [7]}");
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isEqualTo(5);
        assertThat(conversations.one(3).getDocument("sessionIdRepair").get("was"))
                .isEqualTo(BsonDocument.parse("{a: 1}"));
    }

    /** Every operation that compares strings names the simple collation, on every server. */
    @Test
    void eachOperationOnStringsNamesTheSimpleCollation(@TempDir Path folder) {
        await(conversations.database.createCollection(
                "conversations",
                new CreateCollectionOptions()
                        .validationOptions(
                                new ValidationOptions().validator(BsonDocument.parse("{a: {$exists: false}}")))));
        conversations.with(
                "{_id: 1, conversationId: 'a'}",
                "{_id: 2, conversationId: 'b', sessionId: 's'}",
                "{_id: 3, conversationId: 'c', sessionId: 's'}",
                "{_id: 4, sessionId: {'$y': 1}}",
                "{_id: 5, conversationId: 'e', sessionId: {$binary: {base64: 'EjRWeBI0VngSNFZ4EjRWeA==', subType: '04'}}}");
        conversations
                .run(
                        conversations.progress(),
                        new HealSettings(
                                Optional.empty(),
                                true,
                                10,
                                OptionalInt.empty(),
                                false,
                                Optional.of(folder.resolve("deleted.jsonl"))))
                .heal()
                .await()
                .indefinitely();
        conversations.verify();

        for (String command : List.of("find", "aggregate", "findAndModify", "explain")) {
            assertThat(proxy.seen(command)).as(command).isNotEmpty().allSatisfy(ServerVersionsTest::assertSimple);
        }
        for (String command : List.of("update", "delete", "createIndexes")) {
            assertThat(proxy.seen(command)).as(command).isNotEmpty().allSatisfy(one -> {
                String parts = command.equals("createIndexes") ? "indexes" : command + "s";
                one.getArray(parts).forEach(part -> assertSimple(part.asDocument()));
            });
        }
        assertThat(conversations.byId()).hasSize(3);
    }

    private static void assertSimple(BsonDocument command) {
        BsonDocument where = command.containsKey("explain") ? command.getDocument("explain") : command;
        assertThat(where.getDocument("collation", new BsonDocument()))
                .as(command.toString())
                .isEqualTo(BsonDocument.parse("{locale: 'simple'}"));
    }
}
