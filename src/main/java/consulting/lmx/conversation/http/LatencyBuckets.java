package consulting.lmx.conversation.http;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.stream.Stream;

/**
 * Gives the times of calls a histogram, so that percentiles can be shown over all pods. Only calls of the API have one, since
 * each bucket is one more series for each route, method and status. The time of an event stream is how long it was open, and is
 * left out.
 */
@Singleton
public class LatencyBuckets implements MeterFilter {

    private static final DistributionStatisticConfig BUCKETS = DistributionStatisticConfig.builder()
            .serviceLevelObjectives(Stream.of(5, 10, 25, 50, 100, 250, 1_000, 5_000)
                    .mapToDouble(millis -> Duration.ofMillis(millis).toNanos())
                    .toArray())
            .build();

    @Override
    public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
        return id.getName().equals("http.server.requests") && isCall(id.getTag("uri")) ? BUCKETS.merge(config) : config;
    }

    private static boolean isCall(String uri) {
        return uri != null && uri.startsWith("/api/") && !uri.endsWith("/events");
    }
}
