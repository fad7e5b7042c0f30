package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.bulk.BulkWriteError;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.Updates;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.testsupport.ShardedCluster;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.Document;
import org.bson.conversions.Bson;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A sharded collection that can enforce a unique {@code conversationId}, but no unique {@code sessionId}. */
class ShardedCollectionTest {

    private static final String WARNED = "unique sessionId across shards";
    private static final int VALIDATION = 121;

    private static ShardedCluster cluster;

    private TestCollection conversations;

    @BeforeAll
    static void start() {
        cluster = ShardedCluster.start().orElse(null);
        Assumptions.assumeTrue(cluster != null, "there are no mongos and mongod on the PATH, so no shards");
    }

    @AfterAll
    static void stop() {
        if (cluster != null) {
            cluster.close();
        }
    }

    @BeforeEach
    void shard() {
        conversations = new TestCollection(cluster.uri());
        cluster.shard(conversations.database.getName(), "conversations", "conversationId", "m");
    }

    @AfterEach
    void drop() {
        if (conversations != null) {
            conversations.close();
        }
    }

    private IntegrityReport start(RunProgress progress) {
        return conversations
                .run(progress, ValidatorMode.ENFORCE)
                .start()
                .await()
                .indefinitely();
    }

    @Test
    void reportNamesTheUniquenessThatShardsCannotEnforce() {
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 's', createdAt: {$date: 1}}",
                "{_id: 2, conversationId: 'z', sessionId: 's', createdAt: {$date: 2}}",
                "{_id: 3, conversationId: 'b'}",
                "{_id: 4, conversationId: 'y', sessionId: null}");

        IntegrityReport report = start(conversations.progress());

        assertThat(report.healed()).isEqualTo(3);
        assertThat(report.notEnforced()).contains(WARNED);
        assertThat(conversations.one(1).getString("sessionId").getValue()).isEqualTo("s");
        assertThat(conversations.indexes(SESSION_ID))
                .singleElement()
                .matches(index -> index.serves("sessionId"))
                .matches(index -> !index.isUnique());
        assertThatThrownBy(() -> conversations.with("{conversationId: 'c'}"))
                .isInstanceOfSatisfying(
                        MongoBulkWriteException.class,
                        refusal -> assertThat(refusal.getWriteErrors())
                                .extracting(BulkWriteError::getCode)
                                .containsExactly(VALIDATION));
    }

    /** The server refuses a multi-document update that changes the shard key. */
    @Test
    void shardKeyIsHealedBySingleUpdates() {
        conversations.with(
                "{_id: 1, conversationId: 42, sessionId: 's'}",
                "{_id: 2, conversationId: {a: 1}, sessionId: 't'}",
                "{_id: 3, conversationId: null, sessionId: 'u'}",
                "{_id: 4, conversationId: ' ', sessionId: 'v'}");

        assertThat(start(conversations.progress()).left()).isZero();

        assertThat(conversations.one(1).getDocument("conversationIdRepair")).containsEntry("was", new BsonInt32(42));
        assertThat(conversations.one(2).getDocument("conversationIdRepair"))
                .containsEntry("was", BsonDocument.parse("{a: 1}"));
        assertThat(conversations.byId().values())
                .allMatch(document -> document.containsKey("conversationIdRepair"))
                .allMatch(document -> document.get("conversationId").isString());
    }

    @Test
    void startIgnoresDuplicatesAndARequestedHealRepairsThem() {
        conversations.with("{_id: 1, conversationId: 'a', sessionId: 's', createdAt: {$date: 1}}");
        start(conversations.progress());
        conversations.with("{_id: 2, conversationId: 'z', sessionId: 's', createdAt: {$date: 2}}");

        RunProgress again = conversations.progress();
        IntegrityReport opened = start(again);
        assertThat(opened.notEnforced()).contains(WARNED);
        assertThat(opened.scanned()).isZero();
        assertThat(conversations.one(2)).doesNotContainKey("sessionIdRepair");

        assertThatThrownBy(conversations::verify).hasMessageContaining("1 duplicates");
        assertThat(conversations.heal().broken()).containsEntry("duplicate", 1L);
        assertThat(conversations.one(2).getString("sessionId").getValue()).isNotEqualTo("s");
        assertThat(conversations.verify().duplicatesLeft()).isZero();
    }

    @Test
    void otherIndexesOfTheKeyAreReplaced() {
        Bson key = Indexes.ascending("sessionId");
        conversations.withIndex(key, new IndexOptions());
        conversations.withIndex(Indexes.descending("sessionId"), new IndexOptions().name("back"));
        start(conversations.progress());
        assertThat(conversations.indexes(SESSION_ID))
                .extracting(IndexView::name)
                .containsExactly(IndexView.acrossShards("sessionId"));
    }

    @Test
    void indexThatContainedAnArrayIsRecreated() {
        start(conversations.progress());
        await(conversations.database.runCommand(
                new Document("collMod", "conversations").append("validationLevel", "off")));
        conversations.with("{_id: 1, conversationId: 'a', sessionId: ['s', 't']}");
        conversations.with("{_id: 2, conversationId: 'z', sessionId: 'u'}");

        start(conversations.progress());

        assertThat(conversations.one(1).get("sessionId").isString()).isTrue();
        BsonDocument untouched = conversations.one(2);
        assertThat(untouched.getString("sessionId").getValue()).isEqualTo("u");
        RunProgress again = conversations.progress();
        assertThat(start(again).scanned()).as("the index tells").isZero();
    }

    @Test
    void shardKeyThatBeginsWithTheKeyAllowsAUniqueIndex() {
        TestCollection bySession = new TestCollection(cluster.uri());
        try (bySession) {
            cluster.shard(bySession.database.getName(), "conversations", "sessionId", "m");
            bySession.with("{_id: 1, conversationId: 'a', sessionId: 's'}");
            IntegrityReport report = bySession
                    .run(bySession.progress(), ValidatorMode.ENFORCE)
                    .start()
                    .await()
                    .indefinitely();
            assertThat(report.notEnforced()).doesNotContain(WARNED).contains("unique conversationId across shards");
            await(bySession.collection.updateOne(Filters.eq("sessionId", "s"), Updates.set("userId", "ann")));
            assertThatThrownBy(() -> bySession.with("{conversationId: 'b', sessionId: 's'}"))
                    .matches(failure ->
                            DriverFailure.isDuplicateKey(failure) || DriverFailure.isDuplicateKey(failure.getCause()));
        }
    }
}
