package consulting.lmx.conversation.integrity.engine.repair;

import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Updates;
import com.mongodb.reactivestreams.client.MongoClient;
import com.mongodb.reactivestreams.client.MongoClients;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.TestCollection;
import consulting.lmx.conversation.integrity.engine.model.HealSettings;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BrokenDeletionTest {

    private static final List<String> BROKEN = List.of(
            "{_id: 1}", "{_id: 2, sessionId: null}", "{_id: 3, sessionId: ''}", "{_id: 4, sessionId: ' \u2003'}");
    private static final List<String> KEPT = List.of(
            "{_id: 5, sessionId: 'a'}",
            "{_id: 6, sessionId: 7}",
            "{_id: 7, sessionId: ['']}",
            "{_id: 8, sessionId: {}}");

    private final TestCollection conversations = new TestCollection();
    private final RunProgress progress = conversations.progress();

    @TempDir
    Path folder;

    @BeforeEach
    void insert() {
        conversations.with(BROKEN.toArray(String[]::new)).with(KEPT.toArray(String[]::new));
    }

    @AfterEach
    void drop() {
        conversations.close();
    }

    private void delete(Path file) {
        delete(file, new RateLimiter(OptionalInt.empty(), System::nanoTime));
    }

    private void delete(Path file, RateLimiter rateLimiter) {
        new BrokenDeletion(conversations.database, TestCollection.INVARIANT, settings(file), rateLimiter)
                .run(SESSION_ID, progress)
                .await()
                .atMost(Duration.ofSeconds(30));
    }

    private static HealSettings settings(Path file) {
        return new HealSettings(
                Optional.of(ValidatorMode.ENFORCE), true, 3, OptionalInt.empty(), false, Optional.ofNullable(file));
    }

    private static List<BsonDocument> parsed(List<String> documents) {
        return documents.stream().map(BsonDocument::parse).toList();
    }

    @Test
    void brokenDocumentsAreWrittenToTheFileAndDeleted() throws IOException {
        Path file = Files.writeString(folder.resolve("deleted.jsonl"), "{\"_id\": 0}\n");
        delete(file);
        assertThat(conversations.byId().values()).containsExactlyInAnyOrderElementsOf(parsed(KEPT));
        List<String> lines = Files.readAllLines(file);
        assertThat(lines.get(0)).isEqualTo("{\"_id\": 0}");
        assertThat(parsed(lines.subList(1, lines.size()))).containsExactlyInAnyOrderElementsOf(parsed(BROKEN));
        assertThat(progress.deleted()).isEqualTo(4);
        assertThat(progress.seconds()).isPositive();
        assertThat(progress.counts(SESSION_ID).brokenByWord())
                .containsEntry("missing", 1L)
                .containsEntry("null", 1L)
                .containsEntry("blank", 2L);
    }

    /** The clock does not move, so the next wait shows the reserved time. */
    @Test
    void deletedDocumentsCountTowardTheRateLimit() {
        RateLimiter rateLimiter = new RateLimiter(OptionalInt.of(1000), () -> 0);
        delete(folder.resolve("deleted.jsonl"), rateLimiter);
        assertThat(rateLimiter.next(1)).isEqualTo(Duration.ofMillis(BROKEN.size()));
    }

    @Test
    void nothingIsDeletedIfTheFileCannotBeWritten() {
        assertThatThrownBy(() -> delete(folder))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Nothing more was deleted")
                .hasMessageContaining(folder.toString());
        assertThat(conversations.byId()).hasSize(8);
        assertThat(progress.deleted()).isZero();
    }

    @Test
    void nothingIsDeletedWithoutAFile() {
        delete(null);
        assertThat(conversations.byId()).hasSize(8);
        assertThat(progress.brokenByWord().values()).containsOnly(0L);
    }

    /** On some servers equality with null matches these too. */
    @Test
    void otherTypesThatMatchNullAreNotDeleted() {
        TestServer.assumeGenuine("BSON of every type");
        List<String> others = List.of(
                "{_id: 11, sessionId: [null]}",
                "{_id: 12, sessionId: ['a', null]}",
                "{_id: 13, sessionId: {$undefined: true}}",
                "{_id: 14, sessionId: [' ']}",
                "{_id: 15, sessionId: {$symbol: ''}}",
                "{_id: 16, sessionId: {a: null}}");
        conversations.with(others.toArray(String[]::new));
        delete(folder.resolve("deleted.jsonl"));
        assertThat(conversations.byId().values()).containsAll(parsed(others)).hasSize(KEPT.size() + others.size());
        assertThat(progress.deleted()).isEqualTo(4);
    }

    private MongoCollection<BsonDocument> blocks() {
        return conversations.database.getCollection("conversation_blocks", BsonDocument.class);
    }

    private List<BsonDocument> allBlocks() {
        return Publishers.list(blocks().find()).await().indefinitely();
    }

    private static BsonDocument block(String conversation, int first) {
        return BsonDocument.parse(
                "{_id: {conversation: %s, first: %d, of: 'x'}, messages: [{role: 'user', content: 'offloaded %d'}]}"
                        .formatted(conversation, first, first));
    }

    /** As docs/operations.md says: inserts each line into the collection that it names, or into conversations. */
    private void restore(Path file) throws IOException {
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("{\"_id\": ")) {
                conversations.with(line);
            } else {
                BsonDocument named = BsonDocument.parse(line);
                assertThat(line).startsWith("{\"conversation_blocks\": ");
                await(blocks().insertOne(named.getDocument("conversation_blocks")));
            }
        }
    }

    @Test
    void offloadedMessagesAreDeletedAndRestoredWithTheirConversation() throws IOException {
        List<BsonDocument> ofTheDeleted =
                List.of(block("1", 0), block("1", 100), block("2", 0), block("{$numberLong: '3'}", 7));
        List<BsonDocument> ofOthers = List.of(block("5", 0), block("{a: 1}", 0), block("'1'", 0), block("17", 0));
        await(blocks().insertMany(
                        Stream.concat(ofTheDeleted.stream(), ofOthers.stream()).toList()));
        Map<BsonValue, BsonDocument> before = conversations.byId();
        Path file = folder.resolve("deleted.jsonl");

        delete(file);

        assertThat(allBlocks()).containsExactlyInAnyOrderElementsOf(ofOthers);
        assertThat(Files.readAllLines(file)).hasSize(BROKEN.size() + ofTheDeleted.size());
        restore(file);
        assertThat(conversations.byId()).isEqualTo(before);
        assertThat(allBlocks())
                .containsExactlyInAnyOrderElementsOf(
                        Stream.concat(ofTheDeleted.stream(), ofOthers.stream()).toList());
    }

    @Test
    void onlyTheOwnerMayReadTheFile() throws IOException {
        Path file = folder.resolve("deleted.jsonl");
        delete(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    /** A field name that denotes a type in Extended JSON. Up to 4.4 an insert can store it, from 5.0 on every write. */
    @Test
    void documentThatExtendedJsonCannotRepresentIsNotDeleted() throws IOException {
        TestServer.assumeGenuine("names of fields that begin with a dollar sign");
        BsonDocument odd = BsonDocument.parse("{_id: 21, title: 't'}")
                .append("metadata", new BsonDocument("$oid", new BsonString("67c2532e5d9dc9f81818e811")));
        conversations.with(List.of(odd, BsonDocument.parse("{_id: 22}")));
        await(blocks().insertMany(List.of(
                block("22", 0), block("22", 1).append("m", new BsonDocument("$numberInt", new BsonString("five"))))));
        Path file = folder.resolve("deleted.jsonl");
        delete(file);
        assertThat(conversations.one(21)).isEqualTo(odd);
        assertThat(conversations.byId()).hasSize(KEPT.size() + 2);
        assertThat(allBlocks()).hasSize(2);
        assertThat(parsed(Files.readAllLines(file))).containsExactlyInAnyOrderElementsOf(parsed(BROKEN));
    }

    @Test
    void documentThatAWriterChangesAfterTheExportIsNotDeleted() throws IOException {
        await(blocks().insertOne(block("1", 0)));
        try (RewritingProxy proxy = RewritingProxy.to(TestServer.uri());
                MongoClient client = MongoClients.create(proxy.uri())) {
            proxy.command("delete", command -> {
                await(conversations.collection.updateOne(
                        Filters.eq("_id", 1), Updates.set("updatedAt", new BsonDateTime(5))));
                return command;
            });
            HealSettings settings = settings(folder.resolve("deleted.jsonl"));
            new BrokenDeletion(
                            client.getDatabase(conversations.database.getName()),
                            TestCollection.INVARIANT,
                            settings,
                            new RateLimiter(OptionalInt.empty(), System::nanoTime))
                    .run(SESSION_ID, progress)
                    .await()
                    .indefinitely();
        }
        assertThat(conversations.one(1)).isEqualTo(BsonDocument.parse("{_id: 1, updatedAt: {$date: 5}}"));
        assertThat(allBlocks()).containsExactly(block("1", 0));
        assertThat(progress.deleted()).isEqualTo(3);
    }
}
