package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.testsupport.TestServer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.LongStream;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The cost of checking a healthy collection, measured by the server's profiler. */
@Tag("slow")
class HealthyStartTest {

    private final TestCollection conversations = new TestCollection();

    @BeforeEach
    void needsAProfiler() {
        TestServer.assumeGenuine("profiler");
    }

    @AfterEach
    void drop() {
        conversations.close();
    }

    private void insert(int from, int to) {
        List<BsonDocument> batch = new ArrayList<>();
        for (int i = from; i < to; i++) {
            batch.add(new BsonDocument(
                            "conversationId", new BsonString(UUID.randomUUID().toString()))
                    .append("sessionId", new BsonString(UUID.randomUUID().toString()))
                    .append("userId", new BsonString("u" + i % 100)));
            if (batch.size() == 10_000 || i == to - 1) {
                await(conversations.collection.insertMany(batch));
                batch.clear();
            }
        }
    }

    private void profile(int level) {
        await(conversations.database.runCommand(new Document("profile", level)));
    }

    /** The number of documents and keys that the server examined during a heal. */
    private List<Long> examinedByAHeal() {
        await(conversations.database.getCollection("system.profile").drop());
        profile(2);
        IntegrityReport report = conversations.heal();
        profile(0);
        assertThat(report.healed()).isZero();
        assertThat(report.scanned()).isZero();
        return sums("docsExamined", "keysExamined");
    }

    private List<Long> sums(String... fields) {
        List<BsonDocument> operations = Publishers.list(conversations
                        .database
                        .getCollection("system.profile", BsonDocument.class)
                        .find(Filters.regex("ns", "conversations$")))
                .await()
                .indefinitely();
        assertThat(operations).isNotEmpty();
        return List.of(fields).stream()
                .map(field -> operations.stream()
                        .flatMapToLong(o -> LongStream.of(
                                o.getNumber(field, new BsonInt32(0)).longValue()))
                        .sum())
                .toList();
    }

    @Test
    void costsTheSameAtAThousandAndAtThreeHundredThousand() {
        insert(0, 1_000);
        conversations.heal();
        List<Long> atAThousand = examinedByAHeal();
        insert(1_000, 300_000);
        List<Long> atThreeHundredThousand = examinedByAHeal();
        assertThat(atThreeHundredThousand).isEqualTo(atAThousand);
        assertThat(atAThousand.get(0)).isLessThan(20);
    }

    @Test
    void firstStartOnAnIndexedCollectionCostsTheSame() {
        await(conversations.collection.createIndex(
                new Document("sessionId", 1), new com.mongodb.client.model.IndexOptions().unique(true)));
        await(conversations.collection.createIndex(
                new Document("conversationId", 1), new com.mongodb.client.model.IndexOptions().unique(true)));
        insert(0, 5_000);
        assertThat(examinedByAHeal().get(0)).isLessThan(40);
        assertThat(conversations.verify().validator()).isEqualTo("strict");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{sessionId: null}",
                "{}",
                "{sessionId: ''}",
                "{sessionId: ' \t'}",
                "{sessionId: '\u00a0'}",
                "{sessionId: '\u1680'}",
                "{sessionId: '\u2007'}",
                "{sessionId: '\u2029'}",
                "{sessionId: '\u205f'}",
                "{sessionId: '\u3000\u3000'}",
                "{sessionId: '\u0085'}",
                "{sessionId: 5}",
                "{sessionId: true}",
                "{sessionId: {a: 1}}",
                "{sessionId: ['zzz']}",
                "{sessionId: {$date: 5}}",
                "{sessionId: {$minKey: 1}}",
                "{sessionId: {$maxKey: 1}}",
                "{sessionId: {$symbol: 'm'}}",
                "{sessionId: [{$symbol: 'm'}]}",
                "{sessionId: {$undefined: true}}",
                "{sessionId: {$numberDecimal: 'NaN'}}",
                "{sessionId: {$code: 'm'}}",
                "{sessionId: {$code: 'm', $scope: {}}}",
                "{sessionId: {$timestamp: {t: 1, i: 1}}}",
                "{sessionId: {$dbPointer: {'$ref': 'm', '$id': {'$oid': '67c2532e5d9dc9f81818e811'}}}}",
                "{sessionId: {$ref: 'm', $id: 5}}",
                "{sessionId: {$binary: {base64: '', subType: '00'}}}",
                "{sessionId: {$regularExpression: {pattern: 'm', options: ''}}}"
            })
    void indexShowsOneBrokenDocumentAmongMany(String broken) {
        insert(0, 2_000);
        // valid keys at both ends of the index, so a blank one is in the middle
        conversations.with(
                "{conversationId: 'first', sessionId: '\\u0001'}", "{conversationId: 'last', sessionId: '\\uff5e'}");
        conversations.heal();
        conversations
                .run(conversations.progress(), ValidatorMode.OFF)
                .heal()
                .await()
                .indefinitely();
        conversations.with(List.of(BsonDocument.parse(broken).append("conversationId", new BsonString("broken"))));

        IntegrityReport report = conversations.heal();

        assertThat(report.healed()).isEqualTo(1);
        assertThat(await(conversations
                        .collection
                        .find(Filters.eq("conversationId", "broken"))
                        .first()))
                .containsKey("sessionIdRepair");
        assertThat(examinedByAHeal().get(0)).isLessThan(20);
    }
}
