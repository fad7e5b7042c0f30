package consulting.lmx.conversation.http.connection;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.AbstractNioChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.Context;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.net.impl.ConnectionBase;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Closes the port before the connections. Quarkus turns readiness DOWN, answers with {@code Connection: close} and waits for
 * the requests in flight, but then closes the port and all that came through it at one blow, and a request that had just
 * arrived with them. So no connection is taken any more once the delay is over, and those that were taken during it are
 * waited for.
 *
 * <p>The system resets a connection that was made after the last one was taken and before the port closed. Whoever waits for
 * an answer makes none: so what comes in the last moments of the delay is begun only once the port is closed.
 */
@ApplicationScoped
public class GracefulShutdown {

    private static final Logger LOG = Logger.getLogger(GracefulShutdown.class);

    /** Before the filters that may answer by themselves. */
    private static final int PRIORITY = 10_000;

    /** How long a connection is waited for that was taken during the delay and brought no request yet. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    /** How long requests are held before the port closes: longer than those take that are being answered by then. */
    private static final Duration HOLD = Duration.ofMillis(100);

    private final Vertx vertx;
    private final Duration delay;
    private final Promise<Void> closed = Promise.promise();
    private final ChannelGroup late = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private volatile Channel port;
    private volatile boolean closing;

    GracefulShutdown(Vertx vertx, @ConfigProperty(name = "quarkus.shutdown.delay") Duration delay) {
        this.vertx = vertx;
        this.delay = delay;
    }

    void register(@Observes Filters filters) {
        filters.register(this::notePort, PRIORITY);
        filters.register(this::hold, PRIORITY - 1);
    }

    private void notePort(RoutingContext request) {
        if (port == null && request.request().connection() instanceof ConnectionBase connection) {
            port = connection.channel().parent();
        }
        request.next();
    }

    private void hold(RoutingContext request) {
        if (closing && !closed.future().isComplete()) {
            request.request().pause();
            Context context = vertx.getOrCreateContext();
            closed.future()
                    .onComplete(ignored -> context.runOnContext(now -> {
                        request.request().resume();
                        request.next();
                    }));
        } else {
            request.next();
        }
    }

    void onDelay(@Observes ShutdownDelayInitiatedEvent event) {
        LOG.infof("event=leaving readiness is DOWN, the port closes in %s", delay);
        if (port != null) {
            port.pipeline().addFirst(new ChannelInboundHandlerAdapter() {
                @Override
                public void channelRead(ChannelHandlerContext context, Object connection) {
                    late.add((Channel) connection);
                    context.fireChannelRead(connection);
                }
            });
            vertx.setTimer(Math.max(1, delay.minus(HOLD).toMillis()), timer -> closing = true);
            vertx.setTimer(Math.max(1, delay.toMillis()), timer -> closePort());
        }
    }

    /** In one step: the system resets connections that wait to be taken when the port closes, so they are taken first. */
    private Future<?> closePort() {
        return port.eventLoop().submit(() -> {
            if (port.isOpen() && port.unsafe() instanceof AbstractNioChannel.NioUnsafe waiting) {
                waiting.read();
            }
            port.close();
            closed.tryComplete();
        });
    }

    void onStop(@Observes @Priority(1) ShutdownEvent event) {
        if (port != null) {
            closePort().awaitUninterruptibly();
            late.newCloseFuture().awaitUninterruptibly(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }
}
