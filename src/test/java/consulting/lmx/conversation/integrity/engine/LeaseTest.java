package consulting.lmx.conversation.integrity.engine;

import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Updates;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.bson.BsonDocument;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LeaseTest {

    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final TestCollection conversations = new TestCollection();

    @AfterEach
    void drop() {
        conversations.close();
    }

    private Lease lease(RunProgress progress) {
        return new Lease(conversations.database, "conversations", progress);
    }

    private Lease lease() {
        return lease(conversations.progress());
    }

    private static boolean taken(Lease lease) {
        return lease.acquire().await().atMost(LIMIT);
    }

    private BsonDocument stored() {
        return await(conversations
                .database
                .getCollection(Lease.COLLECTION, BsonDocument.class)
                .find(Filters.eq("_id", "conversations"))
                .first());
    }

    private void change(org.bson.conversions.Bson update) {
        await(conversations
                .database
                .getCollection(Lease.COLLECTION)
                .updateOne(Filters.eq("_id", "conversations"), update));
    }

    @Test
    void oneOfManyProcessesTakesIt() {
        List<CompletableFuture<Boolean>> all = IntStream.range(0, 16)
                .mapToObj(i -> lease().acquire().subscribeAsCompletionStage())
                .toList();
        assertThat(all.stream().map(CompletableFuture::join).filter(taken -> taken))
                .hasSize(1);
    }

    @Test
    void isReleasedWhenTheWorkEndsOrFails() {
        Lease first = lease();
        assertThat(taken(first)).isTrue();
        assertThat(first.holdWhile(() -> Uni.createFrom().item("done")).await().atMost(LIMIT))
                .isEqualTo("done");

        Lease second = lease();
        assertThat(taken(second)).isTrue();
        assertThatThrownBy(() -> second.holdWhile(() -> Uni.createFrom().failure(new IllegalStateException("no")))
                        .await()
                        .atMost(LIMIT))
                .hasMessage("no");

        assertThat(taken(lease())).isTrue();
    }

    @Test
    void expiresOnlyAfterItsTimeToLive() {
        assertThat(taken(lease())).isTrue();
        assertThat(taken(lease())).isFalse();
        change(Updates.set(
                "renewedAt", Date.from(Instant.now().minus(Lease.TIME_TO_LIVE).minusSeconds(1))));
        assertThat(taken(lease())).isTrue();
    }

    @Test
    void holderRenewsItAndOthersShowItsProgress() {
        RunProgress progress = conversations.progress();
        Lease mine = lease(progress);
        assertThat(taken(mine)).isTrue();
        progress.step("working");
        progress.healed(TestCollection.SESSION_ID, Defect.NULL, 7);
        CompletableFuture<Object> end = new CompletableFuture<>();
        CompletableFuture<Object> work =
                mine.holdWhile(() -> Uni.createFrom().completionStage(end)).subscribeAsCompletionStage();
        RunProgress waiting = conversations.progress();
        CompletableFuture<Void> free = lease(waiting).untilFree().subscribeAsCompletionStage();
        Awaitility.await()
                .atMost(LIMIT)
                .until(() -> waiting.step().equals("waiting for another process: working, 7 healed, 0 left"));
        assertThat(free).isNotDone();

        end.complete("done");
        work.join();
        free.orTimeout(LIMIT.toSeconds(), java.util.concurrent.TimeUnit.SECONDS).join();
    }

    @Test
    void workEndsIfTheLeaseIsLost() {
        Lease mine = lease();
        assertThat(taken(mine)).isTrue();
        change(Updates.set("holder", "somebody else"));
        assertThatThrownBy(() ->
                        mine.holdWhile(() -> Uni.createFrom().nothing()).await().atMost(LIMIT))
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("Another healer took over");
        assertThat(stored().getString("holder").getValue()).isEqualTo("somebody else");
    }

    @Test
    void freeLeaseIsNotWaitedFor() {
        lease().untilFree().await().atMost(LIMIT);
        Lease first = lease();
        assertThat(taken(first)).isTrue();
        first.holdWhile(() -> Uni.createFrom().item("done")).await().atMost(LIMIT);
        lease().untilFree().await().atMost(LIMIT);
    }
}
