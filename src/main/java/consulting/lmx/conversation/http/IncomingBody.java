package consulting.lmx.conversation.http;

import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import java.time.Duration;
import java.util.Optional;

/**
 * Reads the body of one request within the {@link MemoryBudget} of its caller. Memory is reserved before the bytes are read,
 * and released when the request is answered or the client is gone.
 */
final class IncomingBody {

    /** The longest time from the first byte of a body to its last. */
    static final Duration TIMEOUT = Duration.ofSeconds(20);

    /** The first reservation, in bytes, for a chunked body. Each further one doubles what is reserved. */
    private static final int STEP = 64 * 1024;

    private final RoutingContext context;
    private final HttpServerRequest request;
    private final HeldMemory memory;
    private final long limit;
    private final MemoryBudget budget;
    private final Optional<Connection> connection;
    private final Buffer body = Buffer.buffer();
    private Runnable revoke;
    private long reserved;
    private boolean over;

    IncomingBody(RoutingContext context, String caller, long limit, MemoryBudget budget) {
        this.context = context;
        this.request = context.request();
        this.memory = new HeldMemory(budget, caller);
        this.limit = limit;
        this.budget = budget;
        this.connection = Connection.of(request);
    }

    static ServiceException tooLarge(long limit) {
        return new ServiceException(ErrorCode.BODY_TOO_LARGE, "The body must have at most " + limit + " bytes.");
    }

    /**
     * The whole body. Fails with {@link ErrorCode#OVERLOADED} if its memory cannot be reserved, with
     * {@link ErrorCode#BODY_TOO_LARGE}, and with {@link ErrorCode#REQUEST_TIMEOUT}. Never completes if the client is gone.
     */
    Uni<Buffer> read() {
        Connection.whenAnswered(context, memory::close);
        String length = request.getHeader(HttpHeaders.CONTENT_LENGTH);
        return reserve(length == null ? Math.min(STEP, limit) : Long.parseLong(length))
                .chain(() -> Uni.createFrom().<Buffer>emitter(this::begin));
    }

    private Uni<Void> reserve(long bytes) {
        return memory.reserve(bytes).invoke(() -> reserved += bytes);
    }

    private void begin(UniEmitter<? super Buffer> read) {
        Context loop = context.vertx().getOrCreateContext();
        long timer = context.vertx().setTimer(TIMEOUT.toMillis(), late -> read.fail(timeout()));
        Connection.whenAnswered(context, () -> context.vertx().cancelTimer(timer));
        read.onTermination(() -> {
            context.vertx().cancelTimer(timer);
            request.handler(null).endHandler(null);
            over = true;
            wantMore(false);
        });
        request.handler(chunk -> take(chunk, read));
        request.endHandler(end -> read.complete(body));
        revoke = () -> loop.runOnContext(now -> read.fail(budget.overloaded()));
        if (HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(request.getHeader(HttpHeaders.EXPECT))) {
            context.response().writeContinue();
        }
        wantMore(true);
        request.resume();
    }

    /** While the client sends, the budget may revoke the memory, so that a slow client does not cost others. */
    private void wantMore(boolean more) {
        memory.revocable(more ? revoke : null);
        connection.ifPresent(client -> client.wantBody(more));
    }

    private void take(Buffer chunk, UniEmitter<? super Buffer> read) {
        if (body.length() + chunk.length() > limit) {
            read.fail(tooLarge(limit));
            return;
        }
        body.appendBuffer(chunk);
        if (body.length() > reserved) {
            connection.ifPresent(client -> client.wantBody(false));
            reserve(reserved).subscribe().with(more -> wantMore(!over), read::fail);
        }
    }

    private static ServiceException timeout() {
        return new ServiceException(
                ErrorCode.REQUEST_TIMEOUT, "The body did not arrive within " + TIMEOUT.toSeconds() + " seconds.");
    }
}
