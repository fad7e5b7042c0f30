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
import java.util.Optional;
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
        return new Lease(conversations.database, "conversations", "here", progress);
    }

    private Lease lease() {
        return lease(conversations.progress());
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
        List<CompletableFuture<Optional<Long>>> all = IntStream.range(0, 16)
                .mapToObj(i -> lease().acquire().subscribeAsCompletionStage())
                .toList();
        assertThat(all.stream().map(CompletableFuture::join).filter(Optional::isPresent))
                .hasSize(1);
    }

    @Test
    void isReleasedWhenTheWorkEndsOrFails() {
        Lease first = lease();
        long fence = first.acquire().await().atMost(LIMIT).orElseThrow();
        assertThat(first.holdWhile(fence, () -> Uni.createFrom().item("done"))
                        .await()
                        .atMost(LIMIT))
                .isEqualTo("done");

        Lease second = lease();
        long next = second.acquire().await().atMost(LIMIT).orElseThrow();
        assertThat(next).isEqualTo(fence + 1);
        assertThatThrownBy(() -> second.holdWhile(next, () -> Uni.createFrom().failure(new IllegalStateException("no")))
                        .await()
                        .atMost(LIMIT))
                .hasMessage("no");

        assertThat(lease().acquire().await().atMost(LIMIT)).contains(fence + 2);
    }

    @Test
    void expiresOnlyAfterItsTimeToLive() {
        long fence = lease().acquire().await().atMost(LIMIT).orElseThrow();
        assertThat(lease().acquire().await().atMost(LIMIT)).isEmpty();
        change(Updates.set(
                "renewedAt", Date.from(Instant.now().minus(Lease.TIME_TO_LIVE).minusSeconds(1))));
        assertThat(lease().acquire().await().atMost(LIMIT)).contains(fence + 1);
    }

    @Test
    void holderRenewsItAndPublishesItsProgress() {
        RunProgress progress = conversations.progress();
        Lease mine = lease(progress);
        long fence = mine.acquire().await().atMost(LIMIT).orElseThrow();
        long first = stored().getDateTime("renewedAt").getValue();
        progress.step("working");
        progress.healed(TestCollection.SESSION_ID, Defect.NULL, 7);
        CompletableFuture<Object> end = new CompletableFuture<>();
        CompletableFuture<Object> work = mine.holdWhile(
                        fence, () -> Uni.createFrom().completionStage(end))
                .subscribeAsCompletionStage();
        Awaitility.await()
                .atMost(LIMIT)
                .until(() -> stored().getDateTime("renewedAt").getValue() > first);

        RunProgress waiting = conversations.progress();
        CompletableFuture<Void> free = lease(waiting).untilFree().subscribeAsCompletionStage();
        Awaitility.await().atMost(LIMIT).until(() -> waiting.healedSoFar() == 7);
        assertThat(waiting.step()).isEqualTo("waiting for here: working");
        assertThat(free).isNotDone();

        end.complete("done");
        work.join();
        free.orTimeout(LIMIT.toSeconds(), java.util.concurrent.TimeUnit.SECONDS).join();
        assertThat(waiting.healedSoFar()).isZero();
    }

    @Test
    void workEndsIfTheLeaseIsLost() {
        Lease mine = lease();
        long fence = mine.acquire().await().atMost(LIMIT).orElseThrow();
        change(Updates.combine(Updates.set("holder", "somebody else"), Updates.inc("fence", 1L)));
        assertThatThrownBy(() -> mine.holdWhile(fence, () -> Uni.createFrom().nothing())
                        .await()
                        .atMost(LIMIT))
                .isInstanceOf(IntegrityException.class)
                .hasMessageContaining("Another healer took over");
        assertThat(stored().getString("holder").getValue()).isEqualTo("somebody else");
    }

    @Test
    void freeLeaseIsNotWaitedFor() {
        RunProgress waiting = conversations.progress();
        lease(waiting).untilFree().await().atMost(LIMIT);
        assertThat(waiting.step()).isEqualTo("connect");

        Lease first = lease();
        long fence = first.acquire().await().atMost(LIMIT).orElseThrow();
        first.holdWhile(fence, () -> Uni.createFrom().item("done")).await().atMost(LIMIT);
        lease(waiting).untilFree().await().atMost(LIMIT);
        assertThat(waiting.step()).isEqualTo("connect");
    }
}
