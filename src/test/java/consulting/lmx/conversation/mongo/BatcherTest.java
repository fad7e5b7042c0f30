package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import io.smallrye.mutiny.subscription.UniEmitter;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BatcherTest {

    /** An operation that a test completes. */
    private record Sent(List<Integer> inputs, UniEmitter<? super List<Uni<String>>> result) {

        void complete() {
            result.complete(inputs.stream()
                    .map(input -> Uni.createFrom().item(String.valueOf(input)))
                    .toList());
        }
    }

    private final List<Sent> sent = new ArrayList<>();
    private final MeterRegistry meters = new SimpleMeterRegistry();
    private final Batcher<Integer, String> batcher = new Batcher<>(
            "test", input -> operation(List.of(input)).chain(results -> results.get(0)), this::operation, meters);

    private Uni<List<Uni<String>>> operation(List<Integer> inputs) {
        return Uni.createFrom().emitter(result -> sent.add(new Sent(inputs, result)));
    }

    private UniAssertSubscriber<String> submit(int input) {
        return batcher.submit(input).subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    /** Calls that leave at once, and occupy the batcher. */
    private void occupy() {
        IntStream.range(0, Batcher.MAX_IN_FLIGHT).forEach(i -> submit(-i));
        assertThat(sent)
                .hasSize(Batcher.MAX_IN_FLIGHT)
                .allSatisfy(one -> assertThat(one.inputs()).hasSize(1));
    }

    private Sent last() {
        return sent.get(sent.size() - 1);
    }

    @Test
    void callsThatWaitShareAnOperationAndEachGetsItsOwnResult() {
        occupy();
        var one = submit(1);
        var two = submit(2);
        assertThat(sent).hasSize(Batcher.MAX_IN_FLIGHT);
        sent.get(0).complete();
        assertThat(last().inputs()).containsExactly(1, 2);
        last().complete();
        one.assertCompleted().assertItem("1");
        two.assertCompleted().assertItem("2");
    }

    @Test
    void operationsAreBoundedAndTheRestFollows() {
        occupy();
        var all =
                IntStream.range(0, Batcher.MAX_BATCH + 1).mapToObj(this::submit).toList();
        sent.get(0).complete();
        assertThat(last().inputs()).hasSize(Batcher.MAX_BATCH);
        last().complete();
        assertThat(last().inputs()).containsExactly(Batcher.MAX_BATCH);
        last().complete();
        assertThat(all).allSatisfy(UniAssertSubscriber::assertCompleted);
    }

    @Test
    void cancelledCallIsNotSentAndCancelsNoOther() {
        occupy();
        var cancelled = submit(1);
        var other = submit(2);
        cancelled.cancel();
        sent.get(0).complete();
        assertThat(last().inputs()).containsExactly(2);
        last().complete();
        other.assertCompleted();
    }

    @Test
    void eachCallHasItsOwnOutcome() {
        occupy();
        var good = submit(1);
        var bad = submit(2);
        sent.get(0).complete();
        last().result()
                .complete(List.of(
                        Uni.createFrom().item("1"), Uni.createFrom().failure(new IllegalStateException("its own"))));
        good.assertCompleted().assertItem("1");
        bad.assertFailedWith(IllegalStateException.class, "its own");
    }

    @Test
    void failedOperationFailsAllItsCalls() {
        occupy();
        var one = submit(1);
        var two = submit(2);
        sent.get(0).complete();
        last().result().fail(new IllegalStateException("gone"));
        one.assertFailedWith(IllegalStateException.class, "gone");
        two.assertFailedWith(IllegalStateException.class, "gone");
    }

    @Test
    void operationThatHangsEndsWithItsCallers() {
        var hanging =
                IntStream.range(0, Batcher.MAX_IN_FLIGHT).mapToObj(this::submit).toList();
        var one = submit(1);
        var two = submit(2);
        assertThat(sent).hasSize(Batcher.MAX_IN_FLIGHT);
        hanging.get(0).cancel();
        assertThat(last().inputs()).containsExactly(1, 2);
        one.cancel();
        var three = submit(3);
        assertThat(last().inputs()).as("one of two callers waits").containsExactly(1, 2);
        two.cancel();
        assertThat(last().inputs()).containsExactly(3);
        last().complete();
        three.assertCompleted().assertItem("3");
    }

    @Test
    void sizesAndWaitsAreMeasured() {
        occupy();
        submit(1);
        submit(2);
        sent.get(0).complete();
        assertThat(meters.get("conversations.batch.size")
                        .tag("operation", "test")
                        .summary())
                .satisfies(size -> assertThat(size.max()).isEqualTo(2))
                .satisfies(size -> assertThat(size.count()).isEqualTo(Batcher.MAX_IN_FLIGHT + 1));
        assertThat(meters.get("conversations.batch.wait").timer().count()).isEqualTo(Batcher.MAX_IN_FLIGHT + 2);
    }

    @Test
    void failedCallFreesItsPlace() {
        occupy();
        var next = submit(1);
        sent.get(0).result().fail(new IllegalStateException());
        last().complete();
        next.assertCompleted().assertItem("1");
    }
}
