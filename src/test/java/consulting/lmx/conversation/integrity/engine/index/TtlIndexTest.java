package consulting.lmx.conversation.integrity.engine.index;

import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoClient;
import com.mongodb.reactivestreams.client.MongoClients;
import consulting.lmx.conversation.integrity.ConversationInvariant;
import consulting.lmx.conversation.integrity.RetentionConfig;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.IntegrityReport.IndexReport;
import consulting.lmx.conversation.integrity.engine.IntegrityRun;
import consulting.lmx.conversation.integrity.engine.TestCollection;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.testsupport.TestServer;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.bson.BsonDocument;
import org.bson.BsonInt64;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class TtlIndexTest {

    private static final String OURS = "updatedAt_retention";
    private static final Duration HOUR = Duration.ofHours(1);

    private final TestCollection conversations = new TestCollection();

    @AfterEach
    void drop() {
        conversations.close();
    }

    private IntegrityRun run(Duration retention, boolean keepUnset) {
        return new IntegrityRun(
                conversations.database,
                ConversationInvariant.withRetention(Optional.ofNullable(retention)),
                TestCollection.settings(Optional.of(ValidatorMode.ENFORCE), keepUnset),
                conversations.progress(),
                conversations.capabilities,
                Clock.systemUTC());
    }

    @Test
    void commandWithoutARetentionKeepsTheIndex() {
        TestServer.assumeGenuine("indexes that delete");
        heal(HOUR);
        String list = TestCollection.INVARIANT.listIndexes().get(0).name();
        await(conversations.collection.dropIndex(list));
        run(null, true).heal().await().indefinitely();
        assertThat(indexes()).containsKey(list);
        assertThat(expiring()).isEqualTo(Map.of(OURS, 3600L));
        run(HOUR.multipliedBy(2), true).heal().await().indefinitely();
        assertThat(expiring()).isEqualTo(Map.of(OURS, 7200L));
    }

    private IntegrityRun run(Duration retention) {
        return run(retention, false);
    }

    private IntegrityReport heal(Duration retention) {
        return run(retention).heal().await().indefinitely();
    }

    /** The TTL indexes that the server lists, with their ages in seconds. */
    private Map<String, Long> expiring() {
        return indexes().values().stream()
                .filter(index -> index.expiresAfter().isPresent())
                .collect(Collectors.toMap(
                        IndexView::name, index -> index.expiresAfter().getAsLong()));
    }

    private Map<String, IndexView> indexes() {
        return Publishers.list(conversations.collection.listIndexes(BsonDocument.class)).await().indefinitely().stream()
                .map(IndexView::new)
                .collect(Collectors.toMap(IndexView::name, Function.identity()));
    }

    private static List<IndexReport> expiring(IntegrityReport report) {
        return report.indexes().stream()
                .filter(index -> index.key().containsKey("updatedAt"))
                .toList();
    }

    @Test
    void isCreatedChangedAndDroppedByTheSetting() {
        TestServer.assumeGenuine("indexes that delete");
        assertThat(expiring(heal(null))).isEmpty();

        assertThat(expiring(heal(HOUR)))
                .containsExactly(new IndexReport(OURS, Map.of("updatedAt", 1), false, true, 3600L));
        assertThat(expiring()).isEqualTo(Map.of(OURS, 3600L));

        assertThat(expiring(heal(HOUR.multipliedBy(2))))
                .extracting(IndexReport::ok)
                .containsExactly(true);
        assertThat(expiring()).isEqualTo(Map.of(OURS, 7200L));

        assertThat(expiring(heal(null))).isEmpty();
        assertThat(indexes()).doesNotContainKey(OURS);
    }

    @Test
    void longestRetentionIsAccepted() {
        TestServer.assumeGenuine("indexes that delete");
        Duration longest = Duration.ofDays(RetentionConfig.LONGEST_DAYS);
        heal(longest);
        assertThat(expiring()).isEqualTo(Map.of(OURS, longest.toSeconds()));
        heal(Duration.ofMinutes(1));
        heal(longest);
        assertThat(expiring()).isEqualTo(Map.of(OURS, longest.toSeconds()));
    }

    @Test
    void verifyAndDryRunChangeNothingAndReportTheIndex() {
        TestServer.assumeGenuine("indexes that delete");
        heal(HOUR);
        for (Duration other : new Duration[] {HOUR.multipliedBy(2), null}) {
            assertThat(expiring(run(other).verify().await().indefinitely()))
                    .containsExactly(new IndexReport(OURS, Map.of("updatedAt", 1), false, false, 3600L));
            assertThat(expiring(run(other).dryRun().await().indefinitely()))
                    .extracting(IndexReport::ok)
                    .containsExactly(false);
        }
        assertThat(expiring()).isEqualTo(Map.of(OURS, 3600L));
    }

    @Test
    void indexOfAnotherProgramIsReportedAndStays() {
        TestServer.assumeGenuine("indexes that delete");
        conversations.withIndex(new Document("updatedAt", 1), new IndexOptions().expireAfter(9L, TimeUnit.DAYS));
        Map<String, IndexView> before = indexes();

        assertThat(expiring(heal(null)))
                .containsExactly(new IndexReport("updatedAt_1", Map.of("updatedAt", 1), false, false, 777_600L));
        assertThat(expiring(heal(HOUR))).extracting(IndexReport::ok).containsExactlyInAnyOrder(true, false);
        assertThat(expiring()).isEqualTo(Map.of("updatedAt_1", 777_600L, OURS, 3600L));
        assertThat(expiring(heal(null))).extracting(IndexReport::name).containsExactly("updatedAt_1");
        assertThat(indexes()).containsAllEntriesOf(before);
    }

    @Test
    void ttlIndexOnAnyFieldIsReported() {
        TestServer.assumeGenuine("indexes that delete");
        conversations.withIndex(new Document("createdAt", -1), new IndexOptions().expireAfter(9L, TimeUnit.DAYS));
        assertThat(heal(null).indexes())
                .contains(new IndexReport("createdAt_-1", Map.of("createdAt", -1), false, false, 777_600L));
    }

    @Test
    void ordinaryIndexStaysBesideOurs() {
        TestServer.assumeGenuine("indexes that delete");
        conversations.withIndex(new Document("updatedAt", 1), new IndexOptions());
        heal(HOUR);
        assertThat(expiring()).isEqualTo(Map.of(OURS, 3600L));
        assertThat(indexes()).containsKey("updatedAt_1");
        heal(null);
        assertThat(indexes()).containsKey("updatedAt_1").doesNotContainKey(OURS);
    }

    @Test
    void reportNamesTheIndexIfItCannotBeCreated() {
        TestServer.assumeGenuine("indexes that delete");
        conversations
                .withIndex(new Document("updatedAt", 1), new IndexOptions())
                .withIndex(new Document("updatedAt", -1), new IndexOptions());
        assertThat(heal(HOUR).notEnforced()).containsExactly("expireAfterSeconds");
        assertThat(expiring()).isEmpty();
        assertThat(indexes()).containsKeys("updatedAt_1", "updatedAt_-1");
    }

    @Test
    void otherIndexWithOurNameIsReplaced() {
        TestServer.assumeGenuine("indexes that delete");
        for (BsonDocument options : List.of(
                BsonDocument.parse("{key: {updatedAt: 1}}"),
                BsonDocument.parse("{key: {createdAt: 1}, expireAfterSeconds: 3600}"),
                BsonDocument.parse("{key: {updatedAt: 1}, expireAfterSeconds: 3600,"
                        + " partialFilterExpression: {title: {$exists: true}}}"))) {
            heal(null);
            await(conversations.database.runCommand(new Document("createIndexes", "conversations")
                    .append("indexes", List.of(options.append("name", new BsonString(OURS))))));
            heal(HOUR);
            assertThat(expiring()).isEqualTo(Map.of(OURS, 3600L));
            assertThat(indexes().get(OURS).isOnlyOn("updatedAt")).isTrue();
            assertThat(indexes().get(OURS).coversAllDocuments()).isTrue();
        }
    }

    @Test
    void serverDeletesExpiredDocumentsAndKeepsThoseWithoutADate() {
        TestServer.assumeGenuine("indexes that delete");
        long now = System.currentTimeMillis();
        conversations.with(
                document("old", "{$date: %d}".formatted(now - HOUR.toMillis() * 2)),
                document("young", "{$date: %d}".formatted(now)),
                document("null", "null"),
                document("text", "'2001-01-01T00:00:00.000Z'"),
                document("number", "1"),
                "{_id: 'missing', conversationId: 'missing', sessionId: 'missing'}");
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            Function<Document, BsonDocument> admin =
                    command -> await(client.getDatabase("admin").runCommand(command, BsonDocument.class));
            BsonValue before = admin.apply(new Document("getParameter", 1).append("ttlMonitorSleepSecs", 1))
                    .get("ttlMonitorSleepSecs");
            admin.apply(new Document("setParameter", 1).append("ttlMonitorSleepSecs", 1));
            try {
                heal(HOUR);
                // a pass that began before does not count
                long passes = passes(admin) + 2;
                Awaitility.await("the server deletes expired documents")
                        .atMost(Duration.ofMinutes(3))
                        .until(() ->
                                passes(admin) >= passes && !conversations.byId().containsKey(new BsonString("old")));
            } finally {
                admin.apply(new Document("setParameter", 1).append("ttlMonitorSleepSecs", before));
            }
        }
        assertThat(conversations.byId().keySet())
                .extracting(id -> id.asString().getValue())
                .containsExactlyInAnyOrder("young", "null", "text", "number", "missing");
    }

    private static String document(String id, String updatedAt) {
        return "{_id: '%s', conversationId: '%s', sessionId: '%s', updatedAt: %s}".formatted(id, id, id, updatedAt);
    }

    private static long passes(Function<Document, BsonDocument> admin) {
        return admin.apply(new Document("serverStatus", 1))
                .getDocument("metrics")
                .getDocument("ttl")
                .getNumber("passes", new BsonInt64(0))
                .longValue();
    }

    @Test
    void reportNamesMissingTtlIndexes() {
        Assumptions.assumeFalse(TestServer.isGenuine(), "a genuine server has indexes that delete");
        assertThat(heal(null).notEnforced()).doesNotContain("expireAfterSeconds");
        assertThat(heal(HOUR).notEnforced()).contains("expireAfterSeconds");
    }
}
