package consulting.lmx.conversation.http;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Bounds the series of the HTTP metrics. Callers choose methods and paths, and Quarkus tags a request with its raw path if no
 * route matches, so each new path would add a series that stays. Calls of the API get a histogram, so that percentiles can be
 * computed over all pods. Event streams get none: their time is how long they were open.
 */
@Singleton
public class HttpMetrics implements MeterFilter {

    private static final String PREFIX = "http.server.";
    private static final String UNKNOWN = "UNKNOWN";
    private static final String API = "/api/";

    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

    /** Values of the tag {@code uri} that Quarkus chooses. */
    private static final Set<String> QUARKUS_NAMES = Set.of("root", "NOT_FOUND", "REDIRECTION", "/cors-preflight");

    private static final DistributionStatisticConfig BUCKETS = DistributionStatisticConfig.builder()
            .serviceLevelObjectives(Stream.of(5, 10, 25, 50, 100, 250, 1_000, 5_000)
                    .mapToDouble(millis -> Duration.ofMillis(millis).toNanos())
                    .toArray())
            .build();

    private final Routes routes;

    HttpMetrics(Routes routes) {
        this.routes = routes;
    }

    @Override
    public Meter.Id map(Meter.Id id) {
        return id.getName().startsWith(PREFIX)
                ? id.replaceTags(id.getTags().stream().map(this::bounded).toList())
                : id;
    }

    private Tag bounded(Tag tag) {
        String value = tag.getValue();
        return switch (tag.getKey()) {
            case "method" -> METHODS.contains(value) ? tag : Tag.of("method", UNKNOWN);
            case "uri" -> QUARKUS_NAMES.contains(value) || routes.contains(value) ? tag : Tag.of("uri", unknown(value));
            default -> tag;
        };
    }

    /** Keeps the prefix of the API, because the alert rules count its failures. */
    private static String unknown(String uri) {
        return uri.startsWith(API) ? API + UNKNOWN : UNKNOWN;
    }

    @Override
    public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
        return id.getName().equals("http.server.requests") && isCall(id.getTag("uri")) ? BUCKETS.merge(config) : config;
    }

    private static boolean isCall(String uri) {
        return uri != null && uri.startsWith(API) && !uri.endsWith("/events");
    }
}
