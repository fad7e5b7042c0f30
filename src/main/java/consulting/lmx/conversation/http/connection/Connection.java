package consulting.lmx.conversation.http.connection;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.Future;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.impl.ConnectionBase;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * A client's connection. It takes one request after the other, the next one once the last one is answered and the client
 * reads its answer, and of a body only what the service asks for. The rest waits undecoded or is not read at all. What still
 * comes of a body after the answer is read and thrown away, within bounds: a client whose connection is closed while it sends
 * may never see the answer.
 */
public final class Connection extends ChannelDuplexHandler {

    /** What the service waits for: a request, the rest of its head, of its body, of one that is answered; or nothing. */
    enum State {
        IDLE,
        HEAD,
        BODY,
        REST,
        BUSY
    }

    private static final Logger LOG = Logger.getLogger(Connection.class);
    private static final AttributeKey<Connection> KEY = AttributeKey.valueOf(Connection.class.getName());

    /** What the JVM itself ends with if {@code ExitOnOutOfMemoryError} is set. */
    private static final int OUT_OF_MEMORY = 3;

    /** How many bytes are thrown away. */
    private static final int MAX_REST = 16 * 1024 * 1024;

    private final ConnectionLimits limits;
    private final RequestDecoder decoder;
    private final List<Runnable> whenAnswered = new ArrayList<>(2);
    private ChannelHandlerContext context;
    private boolean answering;
    private boolean receiving;
    private boolean yielding;
    private boolean closing;
    private int thrownAway;
    private volatile boolean wantsBody;

    /** The following belong to {@link ConnectionLimits}, under its lock. */
    State state;

    long since;
    long unread;
    long unreadSince;

    Connection(HttpServerOptions options, ConnectionLimits limits) {
        this.limits = limits;
        this.decoder = new RequestDecoder(options, this);
    }

    /** The connection of a request; empty if it was made before the {@link Acceptor} could guard its port. */
    public static Optional<Connection> of(HttpServerRequest request) {
        return request.connection() instanceof ConnectionBase base
                ? Optional.ofNullable(base.channel().attr(KEY).get())
                : Optional.empty();
    }

    /** Has the rest of the body read, or stops that. Until it is wanted, it stays with the client. */
    public void wantBody(boolean wanted) {
        wantsBody = wanted;
        resume();
    }

    /** Calls {@code then} when the answer of the request in progress is written, or the connection is closed. */
    void whenAnswered(Runnable then) {
        synchronized (whenAnswered) {
            if (context.channel().isActive()) {
                whenAnswered.add(then);
                return;
            }
        }
        then.run();
    }

    private void answered() {
        List<Runnable> all;
        synchronized (whenAnswered) {
            all = List.copyOf(whenAnswered);
            whenAnswered.clear();
        }
        all.forEach(Runnable::run);
    }

    RequestDecoder decoder() {
        return decoder;
    }

    /** Whether the decoder may go on. */
    boolean takesMore() {
        return receiving
                ? wantsBody || !answering
                : !answering && !yielding && context.channel().isWritable();
    }

    /** How many bytes the client has not taken yet. */
    long pending() {
        ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }

    /** At once, whatever is still to be sent. */
    void close() {
        context.close();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext added) {
        context = added;
        context.channel().attr(KEY).set(this);
        limits.opened(this);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ignored) {
        limits.closed(this);
        answered();
        context.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ignored, Object message) {
        Object passed = message;
        if (message instanceof HttpRequest) {
            answering = true;
            receiving = true;
            wantsBody = false;
            thrownAway = 0;
        } else if (!answering && message instanceof HttpContent content) {
            passed = throwAway(content);
        }
        if (message instanceof LastHttpContent) {
            receiving = false;
            yielding = !answering;
            limits.move(this, answering ? State.BUSY : State.IDLE);
            resume();
        }
        if (passed != null) {
            context.fireChannelRead(passed);
        }
    }

    private Object throwAway(HttpContent content) {
        thrownAway += content.content().readableBytes();
        content.release();
        if (thrownAway > MAX_REST) {
            close();
        }
        return content instanceof LastHttpContent ? LastHttpContent.EMPTY_LAST_CONTENT : null;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ignored) {
        if (receiving) {
            limits.move(this, answering ? State.BODY : State.REST);
        } else if (!answering && decoder.isInHead()) {
            limits.move(this, State.HEAD);
        }
        context.channel().config().setAutoRead(takesMore() || !decoder.isFull());
        context.fireChannelReadComplete();
    }

    @Override
    public void write(ChannelHandlerContext ignored, Object message, ChannelPromise promise) {
        ChannelFuture written = context.write(message, promise.unvoid()).addListener(Connection::requireMemory);
        if (isInterim(message)) {
            return;
        }
        closing |= message instanceof HttpResponse response
                && response.status().equals(HttpResponseStatus.REQUEST_TIMEOUT);
        if (message instanceof LastHttpContent) {
            answering = false;
            yielding = !receiving;
            answered();
            limits.move(this, receiving ? State.REST : State.IDLE);
            resume();
            if (closing) {
                written.addListener(ChannelFutureListener.CLOSE);
            }
        }
    }

    private static boolean isInterim(Object message) {
        return message instanceof HttpResponse response
                && response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
    }

    @Override
    public void flush(ChannelHandlerContext ignored) {
        context.flush();
        if (pending() > 0) {
            limits.unread(this);
        }
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ignored) {
        context.fireChannelWritabilityChanged();
        resume();
    }

    /**
     * Later, since the decoder may be at work, and scheduled: between two scheduled tasks the loop serves its other connections,
     * however many requests one has sent ahead.
     */
    private void resume() {
        if (context.executor().inEventLoop() && !decoder.isInHead()) {
            yielding = false;
        } else {
            context.executor().schedule(this::decodeMore, 0, TimeUnit.NANOSECONDS);
        }
    }

    private void decodeMore() {
        yielding = false;
        if (decoder.isInHead() && takesMore()) {
            decoder.resume(context.pipeline().context(decoder));
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ignored, Throwable failure) {
        requireMemory(failure);
        context.fireExceptionCaught(failure);
    }

    private static void requireMemory(Future<? super Void> written) {
        requireMemory(written.cause());
    }

    /** The JVM ends by itself if the heap is exhausted, but not if direct memory is: every loop would wait for it in turn. */
    private static void requireMemory(Throwable failure) {
        if (failure instanceof OutOfMemoryError) {
            LOG.fatal("event=out-of-memory: the process ends", failure);
            Runtime.getRuntime().halt(OUT_OF_MEMORY);
        }
    }
}
