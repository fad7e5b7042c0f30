package consulting.lmx.conversation.mongo;

import com.mongodb.MongoClientSettings;
import consulting.lmx.conversation.config.RequestConfig;
import io.quarkus.arc.profile.UnlessBuildProfile;
import io.quarkus.mongodb.runtime.MongoClientCustomizer;
import jakarta.inject.Singleton;
import java.util.concurrent.TimeUnit;

/**
 * Lets an operation wait for a connection of the pool no longer than its caller waits for the answer: else what callers have
 * given up would pile up, and be done minutes later. Quarkus has no setting for it; {@code waitQueueTimeoutMS} in the
 * connection string cannot lengthen it. Quarkus takes one customizer of a client, which in dev mode is the embedded server's.
 */
@Singleton
@UnlessBuildProfile("dev")
public class PoolWait implements MongoClientCustomizer {

    private final RequestConfig config;

    PoolWait(RequestConfig config) {
        this.config = config;
    }

    @Override
    public MongoClientSettings.Builder customize(MongoClientSettings.Builder settings) {
        long most = config.timeout().toMillis();
        return settings.applyToConnectionPoolSettings(pool -> {
            long asked = pool.build().getMaxWaitTime(TimeUnit.MILLISECONDS);
            pool.maxWaitTime(asked < 0 ? most : Math.min(asked, most), TimeUnit.MILLISECONDS);
        });
    }
}
