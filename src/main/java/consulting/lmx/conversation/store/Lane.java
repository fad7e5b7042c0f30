package consulting.lmx.conversation.store;

import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.function.Function;

/**
 * Joins reads that wait anyway: while {@link #MAX_IN_FLIGHT} operations are in flight, further reads wait, and go out together
 * when one returns. Before that, a read leaves at once and alone. If the database rejects a joint operation, each read is sent
 * alone, so that it fails for its own reasons only. A read that is cancelled while it waits is not sent.
 *
 * @param <I> what to read
 * @param <R> the result of one read; null if there is none
 */
final class Lane<I, R> {

    /** The most reads in an operation. */
    static final int MAX_BATCH = 32;

    /** One operation that hangs does not stop the others. */
    static final int MAX_IN_FLIGHT = 2;

    private final Function<I, Uni<R>> alone;
    private final Function<List<I>, Uni<List<R>>> together;
    private final Queue<Waiting<I, R>> queue = new ConcurrentLinkedQueue<>();
    private final Semaphore free = new Semaphore(MAX_IN_FLIGHT);

    private record Waiting<I, R>(I input, UniEmitter<? super R> result) {}

    /**
     * Creates a lane.
     *
     * @param together returns the results in the order of the inputs
     */
    Lane(Function<I, Uni<R>> alone, Function<List<I>, Uni<List<R>>> together) {
        this.alone = alone;
        this.together = together;
    }

    /** Returns the result of one read. It arrives on any thread. */
    Uni<R> read(I input) {
        return Uni.createFrom().emitter(result -> {
            Waiting<I, R> waiting = new Waiting<>(input, result);
            queue.add(waiting);
            result.onTermination(() -> queue.remove(waiting));
            send();
        });
    }

    private void send() {
        while (!queue.isEmpty() && free.tryAcquire()) {
            List<Waiting<I, R>> batch = take();
            if (!batch.isEmpty()) {
                send(batch);
                return;
            }
            free.release();
        }
    }

    private List<Waiting<I, R>> take() {
        List<Waiting<I, R>> batch = new ArrayList<>();
        while (batch.size() < MAX_BATCH) {
            Waiting<I, R> next = queue.poll();
            if (next == null) {
                break;
            }
            batch.add(next);
        }
        return batch;
    }

    private void send(List<Waiting<I, R>> batch) {
        if (batch.size() == 1) {
            sendAlone(batch.get(0), this::returned);
            return;
        }
        together.apply(batch.stream().map(Waiting::input).toList())
                .subscribe()
                .with(
                        results -> {
                            returned();
                            for (int i = 0; i < batch.size(); i++) {
                                batch.get(i).result().complete(results.get(i));
                            }
                        },
                        failure -> {
                            returned();
                            batch.forEach(waiting -> {
                                if (DriverFailure.isUnavailable(failure)) {
                                    waiting.result().fail(failure);
                                } else {
                                    sendAlone(waiting, () -> {});
                                }
                            });
                        });
    }

    private void sendAlone(Waiting<I, R> waiting, Runnable returned) {
        alone.apply(waiting.input())
                .subscribe()
                .with(
                        result -> {
                            returned.run();
                            waiting.result().complete(result);
                        },
                        failure -> {
                            returned.run();
                            waiting.result().fail(failure);
                        });
    }

    private void returned() {
        free.release();
        send();
    }
}
