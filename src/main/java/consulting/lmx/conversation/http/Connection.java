package consulting.lmx.conversation.http;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AttributeKey;
import io.netty.util.concurrent.Future;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.impl.ConnectionBase;
import org.jboss.logging.Logger;

/**
 * A client's connection. It takes one request after the other, the next one once the last one is answered and the client
 * reads its answer, and of a body only what the service asks for. The rest waits undecoded or is not read at all.
 */
final class Connection extends ChannelDuplexHandler {

    /** What the service waits for; {@code BUSY} if it is the client that waits. */
    enum State {
        IDLE,
        HEAD,
        BODY,
        BUSY
    }

    private static final Logger LOG = Logger.getLogger(Connection.class);
    private static final AttributeKey<Connection> KEY = AttributeKey.valueOf(Connection.class.getName());

    /** What the JVM itself ends with if {@code ExitOnOutOfMemoryError} is set. */
    private static final int OUT_OF_MEMORY = 3;

    private final ConnectionLimits limits;
    private final RequestDecoder decoder;
    private ChannelHandlerContext context;
    private boolean answering;
    private boolean receiving;
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

    /** Has the rest of the body read, or stops that. Until it is wanted, it stays with the client. */
    static void wantBody(HttpServerRequest request, boolean wanted) {
        Connection connection = request.connection() instanceof ConnectionBase base
                ? base.channel().attr(KEY).get()
                : null;
        if (connection != null) {
            connection.wantsBody = wanted;
            connection.resume();
        }
    }

    RequestDecoder decoder() {
        return decoder;
    }

    /** Whether the decoder may go on. */
    boolean takesMore() {
        return receiving ? wantsBody : !answering && context.channel().isWritable();
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
        context.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ignored, Object message) {
        if (message instanceof HttpRequest) {
            answering = true;
            receiving = true;
            wantsBody = false;
        }
        if (message instanceof LastHttpContent) {
            receiving = false;
            limits.move(this, answering ? State.BUSY : State.IDLE);
        }
        context.fireChannelRead(message);
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ignored) {
        if (receiving) {
            limits.move(this, State.BODY);
        } else if (!answering && decoder.isInHead()) {
            limits.move(this, State.HEAD);
        }
        context.channel().config().setAutoRead(takesMore() || !decoder.isFull());
        context.fireChannelReadComplete();
    }

    @Override
    public void write(ChannelHandlerContext ignored, Object message, ChannelPromise promise) {
        context.write(message, promise.unvoid()).addListener(Connection::requireMemory);
        if (message instanceof LastHttpContent && !isInterim(message)) {
            answering = false;
            if (!receiving) {
                limits.move(this, State.IDLE);
            }
            resume();
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

    /** Later, since this may be called while the decoder is at work. */
    private void resume() {
        context.executor().execute(() -> {
            if (decoder.isInHead() && takesMore()) {
                decoder.resume(context.pipeline().context(decoder));
            }
        });
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
