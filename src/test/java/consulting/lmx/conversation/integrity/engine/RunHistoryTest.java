package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.CONVERSATION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.integrity.engine.RunHistory.Outcome;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonNull;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RunHistoryTest {

    private static final Instant NOW = Instant.parse("2025-03-01T00:00:00Z");

    private final TestCollection conversations = new TestCollection();
    private final RunHistory history = new RunHistory(conversations.database, "here", Clock.fixed(NOW, ZoneOffset.UTC));

    @AfterEach
    void drop() {
        conversations.close();
    }

    private static <T> T done(Uni<T> uni) {
        return uni.await().atMost(Duration.ofSeconds(30));
    }

    private List<BsonDocument> runs() {
        return done(Publishers.list(conversations
                .database
                .getCollection(RunHistory.COLLECTION, BsonDocument.class)
                .find()
                .sort(new BsonDocument("startedAt", new BsonInt32(1)))));
    }

    @Test
    void runIsRecordedAtItsStartAndItsEnd() {
        RunProgress progress = conversations.progress();
        done(history.begin(progress));
        assertThat(runs().get(0))
                .containsEntry("endedAt", BsonNull.VALUE)
                .containsEntry(
                        "startedAt", new BsonDateTime(progress.startedAt().toEpochMilli()));
        assertThat(runs().get(0).getString("state").getValue()).isEqualTo("RUNNING");

        progress.counts(SESSION_ID).found(Defect.NULL, 3);
        progress.healed(SESSION_ID, Defect.NULL, 2);
        done(history.end(progress, 2, Outcome.VERIFIED));
        assertThat(runs()).hasSize(1);
        BsonDocument ended = runs().get(0);
        assertThat(ended.getDateTime("endedAt").getValue()).isEqualTo(NOW.toEpochMilli());
        assertThat(ended.getString("state").getValue()).isEqualTo("VERIFIED");
        assertThat(ended.getString("host").getValue()).isEqualTo("here");
        assertThat(ended.getInt64("found").getValue()).isEqualTo(3);
        assertThat(ended.getInt64("healed").getValue()).isEqualTo(2);
        assertThat(ended.getDocument("reasons").getInt64("null").getValue()).isEqualTo(2);
    }

    @Test
    void runThatDidNotEndIsAbandonedWhenTheNextBegins() {
        RunProgress ended = conversations.progress();
        done(history.begin(ended));
        done(history.end(ended, 0, Outcome.FAILED));
        done(history.begin(conversations.progress()));
        done(history.begin(conversations.progress()));
        assertThat(runs().stream().map(run -> run.getString("state").getValue()))
                .containsExactlyInAnyOrder("FAILED", "ABANDONED", "RUNNING");
    }

    @Test
    void documentWithTwoHealedKeysCountsOnce() {
        conversations.with(
                "{_id: 1, conversationId: null, sessionId: null}",
                "{_id: 2, conversationId: 'b', sessionId: ''}",
                "{_id: 3, conversationId: 'c', sessionId: 's'}");
        RunProgress progress = conversations.progress();
        done(conversations.run(progress, ValidatorMode.ENFORCE).heal());
        assertThat(progress.counts(SESSION_ID).totalHealed()).isEqualTo(2);
        assertThat(progress.counts(CONVERSATION_ID).totalHealed()).isEqualTo(1);
        assertThat(runs()).hasSize(1);
        assertThat(runs().get(0).getInt64("healed").getValue()).isEqualTo(2);
    }

    @Test
    void runThatFoundEverythingValidIsNotRecorded() {
        conversations.with("{_id: 1, conversationId: 'a', sessionId: 's'}").heal();
        assertThat(runs()).hasSize(1);
        conversations.heal();
        assertThat(runs()).hasSize(1);
    }
}
