package consulting.lmx.conversation.integrity;

import static consulting.lmx.conversation.integrity.TestCollection.SESSION_ID;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import consulting.lmx.conversation.integrity.IntegrityConfig.Force;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.bson.BsonDocument;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Documents without an id are deleted on demand, and stand in a file before. */
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
        delete(file, new Pace(OptionalInt.empty(), System::nanoTime));
    }

    private void delete(Path file, Pace pace) {
        HealSettings settings = new HealSettings(
                Optional.of(Force.ENFORCE), true, 3, OptionalInt.empty(), false, Optional.ofNullable(file));
        new BrokenDeletion(conversations.database, TestCollection.INVARIANT, settings, pace)
                .run(SESSION_ID, progress)
                .await()
                .atMost(Duration.ofSeconds(30));
    }

    private static List<BsonDocument> parsed(List<String> documents) {
        return documents.stream().map(BsonDocument::parse).toList();
    }

    @Test
    void whatHasNoIdIsDeletedAndStandsInTheFile() throws IOException {
        Path file = Files.writeString(folder.resolve("deleted.jsonl"), "{\"_id\": 0}\n");
        delete(file);
        assertThat(conversations.byId().values()).containsExactlyInAnyOrderElementsOf(parsed(KEPT));
        List<String> lines = Files.readAllLines(file);
        assertThat(lines.get(0)).isEqualTo("{\"_id\": 0}");
        assertThat(parsed(lines.subList(1, lines.size()))).containsExactlyInAnyOrderElementsOf(parsed(BROKEN));
        assertThat(progress.deleted()).isEqualTo(4);
        assertThat(progress.seconds()).isPositive();
        assertThat(progress.of(SESSION_ID).brokenByWord())
                .containsEntry("missing", 1L)
                .containsEntry("null", 1L)
                .containsEntry("blank", 2L);
    }

    /** A clock that stands still shows how much of the allowed time was taken. */
    @Test
    void eachDeletedDocumentTakesItsShareOfTheRate() {
        Pace pace = new Pace(OptionalInt.of(1000), () -> 0);
        delete(folder.resolve("deleted.jsonl"), pace);
        assertThat(pace.next(1)).isEqualTo(Duration.ofMillis(BROKEN.size()));
    }

    @Test
    void nothingIsDeletedWhereTheFileCannotBeWritten() {
        assertThatThrownBy(() -> delete(folder))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Nothing more was deleted")
                .hasMessageContaining(folder.toString());
        assertThat(conversations.byId()).hasSize(8);
        assertThat(progress.deleted()).isZero();
    }

    @Test
    void nothingIsDeletedWhereNoFileIsNamed() {
        delete(null);
        assertThat(conversations.byId()).hasSize(8);
        assertThat(progress.totalBroken()).isZero();
    }

    @Test
    void nothingMoreIsDeletedOnceItIsToStop() {
        progress.stop();
        Path file = folder.resolve("deleted.jsonl");
        assertThatThrownBy(() -> delete(file)).isInstanceOf(IntegrityException.class);
        assertThat(conversations.byId()).hasSize(8);
        assertThat(file).doesNotExist();
    }
}
