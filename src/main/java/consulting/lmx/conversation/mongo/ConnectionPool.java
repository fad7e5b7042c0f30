package consulting.lmx.conversation.mongo;

import com.mongodb.MongoClientSettings;
import consulting.lmx.conversation.config.RequestConfig;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.mongodb.MongoMetricsConnectionPoolListener;
import io.quarkus.arc.profile.UnlessBuildProfile;
import io.quarkus.mongodb.runtime.MongoClientCustomizer;
import jakarta.inject.Singleton;
import java.util.concurrent.TimeUnit;

/**
 * Limits the wait for a connection of the pool to the time limit of a call. Otherwise abandoned operations would pile up and run
 * minutes later. Quarkus has no setting for it, and {@code waitQueueTimeoutMS} in the connection string can only shorten it.
 *
 * <p>Shows the pool at {@code /q/metrics}. Quarkus's own listener ({@code quarkus.mongodb.metrics.enabled}) is not used, because
 * it also times each command, which costs every request processor time.
 *
 * <p>Not in dev mode, because Quarkus accepts one customizer, and the embedded server has one there.
 */
@Singleton
@UnlessBuildProfile("dev")
public class ConnectionPool implements MongoClientCustomizer {

    private final RequestConfig config;
    private final MeterRegistry meters;

    ConnectionPool(RequestConfig config, MeterRegistry meters) {
        this.config = config;
        this.meters = meters;
    }

    @Override
    public MongoClientSettings.Builder customize(MongoClientSettings.Builder settings) {
        long limit = config.timeout().toMillis();
        return settings.applyToConnectionPoolSettings(pool -> {
            long configured = pool.build().getMaxWaitTime(TimeUnit.MILLISECONDS);
            pool.maxWaitTime(configured < 0 ? limit : Math.min(configured, limit), TimeUnit.MILLISECONDS)
                    .addConnectionPoolListener(new MongoMetricsConnectionPoolListener(meters));
        });
    }
}
