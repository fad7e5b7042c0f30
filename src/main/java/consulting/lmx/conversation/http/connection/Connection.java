package consulting.lmx.conversation.http.connection;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.AttributeKey;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.HostAndPort;
import io.vertx.core.net.impl.ConnectionBase;
import io.vertx.ext.web.RoutingContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * The connection of a client, with backpressure. It decodes one request at a time: the next one after the response is written
 * and the client reads it. It reads a body only as far as the service asks for. The rest stays undecoded or unread. After a
 * response it discards the rest of the body within limits, because a client whose connection is closed while it sends may not
 * see the response.
 */
public final class Connection extends ChannelDuplexHandler {

    /** What the service waits for: a request, the rest of its head, of its body, of an answered body; or nothing. */
    enum State {
        IDLE,
        HEAD,
        BODY,
        REST,
        BUSY
    }

    private static final Logger LOG = Logger.getLogger(Connection.class);
    private static final AttributeKey<Connection> KEY = AttributeKey.valueOf(Connection.class.getName());

    /** Exit code of the JVM with {@code ExitOnOutOfMemoryError}. */
    private static final int OUT_OF_MEMORY = 3;

    /** Maximum of discarded bytes. */
    private static final int MAX_DISCARDED = 16 * 1024 * 1024;

    private final ConnectionLimits limits;
    private final RequestDecoder decoder;
    private final List<Runnable> whenAnswered = new ArrayList<>(2);
    private final ChannelFutureListener onWritten = this::written;
    private ChannelHandlerContext context;
    private boolean answering;
    private boolean receiving;
    private boolean namesOneHost;
    private boolean yielding;
    private boolean closing;
    private int discarded;
    private volatile boolean wantsBody;
    private volatile int writes;

    /** Guarded by {@link #whenAnswered}. */
    private boolean working;

    /** The following fields belong to {@link ConnectionLimits} and are guarded by its lock. */
    State state;

    long since;
    long unread;
    long unreadSince;
    int writesBefore;

    Connection(HttpServerOptions options, ConnectionLimits limits) {
        this.limits = limits;
        this.decoder = new RequestDecoder(options, this);
    }

    /** The connection of a request; empty if it was accepted before the {@link Acceptor} was installed. */
    public static Optional<Connection> of(HttpServerRequest request) {
        return request.connection() instanceof ConnectionBase base
                ? Optional.ofNullable(base.channel().attr(KEY).get())
                : Optional.empty();
    }

    /**
     * Whether the current request named one valid host as it arrived. Behind a proxy that may set {@code Forwarded}, Quarkus
     * replaces the header before any filter.
     */
    public boolean namesOneHost() {
        return namesOneHost;
    }

    /** Starts or stops reading the body. Until then the body stays with the client. */
    public void wantBody(boolean wanted) {
        wantsBody = wanted;
        resume();
    }

    /**
     * Runs {@code then} once the response of {@code request} is sent, or its client is gone and no call {@link #works} on it. The
     * end handlers of Vert.x run earlier than that if another thread than the connection's makes the response.
     */
    public static void whenAnswered(RoutingContext request, Runnable then) {
        of(request.request())
                .ifPresentOrElse(
                        connection -> connection.whenAnswered(then), () -> request.addEndHandler(ended -> then.run()));
    }

    void whenAnswered(Runnable then) {
        synchronized (whenAnswered) {
            if (working || context.channel().isActive()) {
                whenAnswered.add(then);
                return;
            }
        }
        then.run();
    }

    private List<Runnable> takeWhenAnswered() {
        synchronized (whenAnswered) {
            List<Runnable> all = List.copyOf(whenAnswered);
            whenAnswered.clear();
            return all;
        }
    }

    /**
     * Declares whether a call works on {@code request}. It continues if the client is gone, so what it holds is not released before
     * it ends.
     */
    public static void works(RoutingContext request, boolean works) {
        of(request.request()).ifPresent(connection -> connection.works(works));
    }

    void works(boolean works) {
        synchronized (whenAnswered) {
            working = works;
        }
        runIfGone();
    }

    private void runIfGone() {
        List<Runnable> all = List.of();
        synchronized (whenAnswered) {
            if (!working && !context.channel().isActive()) {
                all = takeWhenAnswered();
            }
        }
        all.forEach(Runnable::run);
    }

    RequestDecoder decoder() {
        return decoder;
    }

    /** Whether the decoder may decode more. */
    boolean takesMore() {
        return receiving
                ? wantsBody || !answering
                : !answering && !yielding && context.channel().isWritable();
    }

    /** Bytes that are written and that the client has not read yet. */
    long pending() {
        ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
        return buffer == null ? 0 : buffer.totalPendingWriteBytes();
    }

    /** Writes that the kernel has taken as a whole. */
    int writes() {
        return writes;
    }

    /** Closes the connection without sending what is pending. */
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
        runIfGone();
        context.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ignored, Object message) {
        Object passed = message;
        if (message instanceof HttpRequest request) {
            List<String> hosts = request.headers().getAll(HttpHeaderNames.HOST);
            namesOneHost = hosts.size() == 1 && HostAndPort.parseAuthority(hosts.get(0), -1) != null;
            answering = true;
            receiving = true;
            wantsBody = false;
            discarded = 0;
        } else if (!answering && message instanceof HttpContent content) {
            passed = discard(content);
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

    private Object discard(HttpContent content) {
        discarded += content.content().readableBytes();
        content.release();
        if (discarded > MAX_DISCARDED) {
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
        ChannelFuture written = context.write(message, promise.unvoid()).addListener(onWritten);
        if (isInterim(message)) {
            return;
        }
        closing |= message instanceof HttpResponse response
                && response.status().equals(HttpResponseStatus.REQUEST_TIMEOUT);
        if (message instanceof LastHttpContent) {
            answering = false;
            yielding = !receiving;
            List<Runnable> all = takeWhenAnswered();
            written.addListener(flushed -> all.forEach(Runnable::run));
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
     * Schedules the decoder, because it may be running now. Between two scheduled tasks the event loop serves its other
     * connections, however many pipelined requests this one has.
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

    private void written(ChannelFuture write) {
        if (write.isSuccess()) {
            writes++; // only the event loop of the connection writes it
        } else {
            requireMemory(write.cause());
        }
    }

    /** Ends the process if direct memory is exhausted: the JVM itself ends only if the heap is. */
    private static void requireMemory(Throwable failure) {
        if (failure instanceof OutOfMemoryError) {
            LOG.fatal("event=out-of-memory: the process exits", failure);
            Runtime.getRuntime().halt(OUT_OF_MEMORY);
        }
    }
}
