package consulting.lmx.conversation.http.connection;

import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ServerChannel;
import io.netty.channel.SingleThreadEventLoop;
import io.quarkus.vertx.http.HttpServerStart;
import io.quarkus.vertx.http.HttpsServerStart;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.impl.VertxInternal;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.ObservesAsync;
import java.time.Duration;

/** Installs a {@link Connection} with {@link ConnectionLimits} on each connection that the HTTP server accepts. */
@ApplicationScoped
public class Acceptor {

    private static final String NAME = Acceptor.class.getName();

    /** Names of the handlers of Vert.x. */
    private static final String DECODER = "httpDecoder";

    private static final String HANDLER = "handler";

    /** Maximum size of one read, in bytes: what is read and not decoded yet is direct memory. */
    private static final int MAX_READ = 16 * 1024;

    /** Size of the kernel buffers, in bytes. They count as memory of the container, and would grow to megabytes by default. */
    private static final int SYSTEM_BUFFER = 64 * 1024;

    private static final Duration SWEEP_INTERVAL = Duration.ofSeconds(1);

    private final VertxInternal vertx;
    private final ConnectionLimits limits;
    private final long sweepTimer;

    Acceptor(Vertx vertx, ConnectionLimits limits) {
        this.vertx = (VertxInternal) vertx;
        this.limits = limits;
        this.sweepTimer = vertx.setPeriodic(SWEEP_INTERVAL.toMillis(), timer -> limits.sweep());
    }

    void onStart(@ObservesAsync HttpServerStart server) {
        guard(server.options());
    }

    void onStart(@ObservesAsync HttpsServerStart server) {
        guard(server.options());
    }

    @PreDestroy
    void stop() {
        vertx.cancelTimer(sweepTimer);
    }

    /** Finds the server channels through the event loop that accepts their connections: Vert.x does not expose them. */
    private void guard(HttpServerOptions options) {
        vertx.getAcceptorEventLoopGroup()
                .forEach(executor -> executor.execute(() -> ((SingleThreadEventLoop) executor)
                        .registeredChannelsIterator()
                        .forEachRemaining(port -> {
                            if (port instanceof ServerChannel && port.pipeline().get(NAME) == null) {
                                port.pipeline().addFirst(NAME, new Port(options));
                            }
                        })));
    }

    private final class Port extends ChannelInboundHandlerAdapter {

        private final HttpServerOptions options;

        Port(HttpServerOptions options) {
            this.options = options;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object accepted) {
            Channel channel = (Channel) accepted;
            channel.config().setRecvByteBufAllocator(new AdaptiveRecvByteBufAllocator(64, 2048, MAX_READ));
            channel.config().setOption(ChannelOption.SO_SNDBUF, SYSTEM_BUFFER);
            channel.config().setOption(ChannelOption.SO_RCVBUF, SYSTEM_BUFFER);
            channel.pipeline().addFirst(NAME, new Installer(options));
            context.fireChannelRead(accepted);
        }
    }

    /** Waits until Vert.x has set up the connection, which takes a TLS handshake if TLS is on. */
    private final class Installer extends ChannelInboundHandlerAdapter {

        private final HttpServerOptions options;

        Installer(HttpServerOptions options) {
            this.options = options;
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            install(context);
            context.fireChannelActive();
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object bytes) {
            install(context);
            context.fireChannelRead(bytes);
        }

        private void install(ChannelHandlerContext context) {
            ChannelPipeline pipeline = context.pipeline();
            if (pipeline.get(DECODER) != null) {
                Connection connection = new Connection(options, limits);
                pipeline.addBefore(HANDLER, null, connection);
                pipeline.replace(DECODER, DECODER, connection.decoder());
                pipeline.remove(this);
            }
        }
    }
}
