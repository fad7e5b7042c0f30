package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.MongoCommandException;
import com.mongodb.MongoSocketReadException;
import com.mongodb.ServerAddress;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import io.smallrye.mutiny.subscription.UniEmitter;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

class LaneTest {

    /** An operation that a test completes. */
    private record Sent(List<Integer> inputs, UniEmitter<? super List<String>> result) {

        void complete() {
            result.complete(inputs.stream().map(String::valueOf).toList());
        }
    }

    private final List<Sent> sent = new ArrayList<>();
    private final Lane<Integer, String> lane =
            new Lane<>(input -> operation(List.of(input)).map(results -> results.get(0)), this::operation);

    private Uni<List<String>> operation(List<Integer> inputs) {
        return Uni.createFrom().emitter(result -> sent.add(new Sent(inputs, result)));
    }

    private UniAssertSubscriber<String> read(int input) {
        return lane.read(input).subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    /** Reads that leave at once, and occupy the lane. */
    private void occupy() {
        IntStream.range(0, Lane.MAX_IN_FLIGHT).forEach(i -> read(-i));
        assertThat(sent)
                .hasSize(Lane.MAX_IN_FLIGHT)
                .allSatisfy(one -> assertThat(one.inputs()).hasSize(1));
    }

    private Sent last() {
        return sent.get(sent.size() - 1);
    }

    @Test
    void readsThatWaitShareAnOperationAndEachGetsItsOwnResult() {
        occupy();
        var one = read(1);
        var two = read(2);
        assertThat(sent).hasSize(Lane.MAX_IN_FLIGHT);
        sent.get(0).complete();
        assertThat(last().inputs()).containsExactly(1, 2);
        last().complete();
        one.assertCompleted().assertItem("1");
        two.assertCompleted().assertItem("2");
    }

    @Test
    void operationsAreBoundedAndTheRestFollows() {
        occupy();
        var all = IntStream.range(0, Lane.MAX_BATCH + 1).mapToObj(this::read).toList();
        sent.get(0).complete();
        assertThat(last().inputs()).hasSize(Lane.MAX_BATCH);
        last().complete();
        assertThat(last().inputs()).containsExactly(Lane.MAX_BATCH);
        last().complete();
        assertThat(all).allSatisfy(UniAssertSubscriber::assertCompleted);
    }

    @Test
    void cancelledReadIsNotSentAndCancelsNoOther() {
        occupy();
        var cancelled = read(1);
        var other = read(2);
        cancelled.cancel();
        sent.get(0).complete();
        assertThat(last().inputs()).containsExactly(2);
        last().complete();
        other.assertCompleted();
    }

    @Test
    void rejectedOperationIsRepeatedForEachReadAlone() {
        occupy();
        var good = read(1);
        var bad = read(2);
        sent.get(0).complete();
        last().result().fail(new MongoCommandException(BsonDocument.parse("{ok: 0, code: 2}"), new ServerAddress()));
        List<Sent> alone = sent.subList(sent.size() - 2, sent.size());
        assertThat(alone).extracting(Sent::inputs).containsExactly(List.of(1), List.of(2));
        alone.get(0).complete();
        alone.get(1).result().fail(new IllegalStateException("its own"));
        good.assertCompleted().assertItem("1");
        bad.assertFailedWith(IllegalStateException.class, "its own");
    }

    @Test
    void unavailableDatabaseFailsAllWithoutAnotherAttempt() {
        occupy();
        var one = read(1);
        var two = read(2);
        sent.get(0).complete();
        int before = sent.size();
        last().result().fail(new MongoSocketReadException("gone", new ServerAddress()));
        assertThat(sent).hasSize(before);
        one.assertFailedWith(MongoSocketReadException.class);
        two.assertFailedWith(MongoSocketReadException.class);
    }

    @Test
    void failedReadFreesItsPlace() {
        occupy();
        var next = read(1);
        sent.get(0).result().fail(new IllegalStateException());
        last().complete();
        next.assertCompleted().assertItem("1");
    }
}
