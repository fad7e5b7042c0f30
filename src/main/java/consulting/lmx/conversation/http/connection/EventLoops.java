package consulting.lmx.conversation.http.connection;

import io.quarkus.runtime.StartupEvent;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.vertx.core.Vertx;
import io.vertx.core.impl.VertxInternal;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.StreamSupport;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/**
 * Liveness check: DOWN if an event loop has run no task for {@link #MAX_MISSED} seconds, even if another loop answers the probe.
 * A slow loop under load is alive. Seconds in which the whole process is paused do not count.
 */
@Liveness
@ApplicationScoped
public class EventLoops implements AsyncHealthCheck {

    static final int MAX_MISSED = 20;

    private final List<Loop> loops;
    private ScheduledFuture<?> checking;

    @Inject
    EventLoops(Vertx vertx) {
        this(StreamSupport.stream(((VertxInternal) vertx).getEventLoopGroup().spliterator(), false)
                .map(Executor.class::cast)
                .toList());
    }

    EventLoops(List<Executor> loops) {
        this.loops = loops.stream().map(Loop::new).toList();
    }

    void onStart(@Observes StartupEvent event) {
        checking = Infrastructure.getDefaultWorkerPool().scheduleWithFixedDelay(this::check, 1, 1, TimeUnit.SECONDS);
    }

    @PreDestroy
    void stop() {
        checking.cancel(false);
    }

    void check() {
        loops.forEach(Loop::check);
    }

    /** Runs where the request arrived, because a busy process would delay it on another thread. */
    @Override
    public Uni<HealthCheckResponse> call() {
        return Uni.createFrom()
                .item(() -> HealthCheckResponse.named("event-loops")
                        .status(loops.stream().allMatch(loop -> loop.missed < MAX_MISSED))
                        .build());
    }

    private static final class Loop {

        private final Executor executor;
        private volatile boolean answered = true;
        private volatile int missed;

        Loop(Executor executor) {
            this.executor = executor;
        }

        void check() {
            if (answered) {
                missed = 0;
                answered = false;
                executor.execute(() -> answered = true);
            } else {
                missed++;
            }
        }
    }
}
