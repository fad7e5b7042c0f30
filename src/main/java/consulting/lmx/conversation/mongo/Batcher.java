package consulting.lmx.conversation.mongo;

import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.opentelemetry.api.trace.Span;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Natural batching: while {@link #MAX_IN_FLIGHT} operations are in flight, calls wait, and then share one operation. Otherwise a
 * call leaves at once and alone. A call that is cancelled while it waits is not sent. One that was sent does not cancel the
 * others. An operation counts as in flight until none of its callers waits any longer, so one without a reply delays others no
 * longer than the time-out of a call.
 *
 * @param <I> what a call asks for
 * @param <R> the result of a call
 */
public final class Batcher<I, R> {

    /** Maximum of calls that share an operation. */
    static final int MAX_BATCH = 32;

    /** With two, the service prepares one operation while the database works on the other. */
    static final int MAX_IN_FLIGHT = 2;

    private final Function<I, Uni<R>> alone;
    private final Function<List<I>, Uni<List<Uni<R>>>> together;
    private final DistributionSummary size;
    private final Timer wait;
    private final Queue<Call<I, R>> queue = new ConcurrentLinkedQueue<>();
    private final Semaphore free = new Semaphore(MAX_IN_FLIGHT);

    private record Call<I, R>(
            I input,
            UniEmitter<? super R> result,
            long since,
            CompletableFuture<Void> ended,
            Context context,
            Span span) {}

    /**
     * Creates a batcher.
     *
     * @param name the value of the tag {@code operation} of its metrics
     * @param together returns the outcomes in the order of the inputs, or fails for all of them
     */
    public Batcher(
            String name,
            Function<I, Uni<R>> alone,
            Function<List<I>, Uni<List<Uni<R>>>> together,
            MeterRegistry meters) {
        this.alone = alone;
        this.together = together;
        this.size = DistributionSummary.builder("conversations.batch.size")
                .description("Calls that shared an operation of the database")
                .tag("operation", name)
                .register(meters);
        this.wait = Timer.builder("conversations.batch.wait")
                .description("Time that calls waited to share an operation of the database")
                .tag("operation", name)
                .register(meters);
    }

    /** The result of a call, emitted on the context of its caller. */
    public Uni<R> submit(I input) {
        return CallersContext.keep(Uni.createFrom().emitter(result -> {
            CompletableFuture<Void> ended = new CompletableFuture<>();
            result.onTermination(() -> ended.complete(null));
            queue.add(new Call<>(input, result, System.nanoTime(), ended, Vertx.currentContext(), Span.current()));
            sendNext();
        }));
    }

    private void sendNext() {
        while (!queue.isEmpty() && free.tryAcquire()) {
            List<Call<I, R>> batch = take();
            CompletableFuture.allOf(batch.stream().map(Call::ended).toArray(CompletableFuture<?>[]::new))
                    .thenRun(free::release)
                    .thenRun(this::sendNext);
            if (!batch.isEmpty()) {
                sendAsFirst(batch);
            }
        }
    }

    /** On the context of the first call, so that the commands belong to its trace. The spans of the other calls link to its span. */
    private void sendAsFirst(List<Call<I, R>> batch) {
        Call<I, R> first = batch.get(0);
        batch.stream().skip(1).forEach(call -> call.span().addLink(first.span().getSpanContext()));
        if (first.context() == null || first.context() == Vertx.currentContext()) {
            send(batch);
        } else {
            first.context().runOnContext(now -> send(batch));
        }
    }

    private List<Call<I, R>> take() {
        List<Call<I, R>> batch = new ArrayList<>();
        while (batch.size() < MAX_BATCH) {
            Call<I, R> next = queue.poll();
            if (next == null) {
                break;
            }
            if (!next.ended().isDone()) {
                wait.record(System.nanoTime() - next.since(), TimeUnit.NANOSECONDS);
                batch.add(next);
            }
        }
        return batch;
    }

    private void send(List<Call<I, R>> batch) {
        size.record(batch.size());
        List<I> inputs = batch.stream().map(Call::input).toList();
        Uni<List<Uni<R>>> outcomes = Uni.createFrom()
                .deferred(() -> batch.size() == 1
                        ? Uni.createFrom().item(List.of(alone.apply(inputs.get(0))))
                        : together.apply(inputs));
        outcomes.subscribe()
                .with(
                        all -> {
                            for (int i = 0; i < batch.size(); i++) {
                                UniEmitter<? super R> result = batch.get(i).result();
                                all.get(i).subscribe().with(result::complete, result::fail);
                            }
                        },
                        failure -> batch.forEach(call -> call.result().fail(failure)));
    }
}
