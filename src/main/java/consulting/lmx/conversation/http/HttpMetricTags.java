package consulting.lmx.conversation.http;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.config.MeterFilter;
import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.spi.BeanManager;
import jakarta.inject.Singleton;
import jakarta.ws.rs.HttpMethod;
import jakarta.ws.rs.Path;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Bounds the series of the HTTP metrics: callers choose methods and paths, and each new one would be a series that stays. A
 * path keeps its name if it is one of a route; the framework names a request by its raw path if no route has taken it.
 */
@Singleton
public class HttpMetricTags implements MeterFilter {

    private static final String PREFIX = "http.server.";
    private static final String UNKNOWN = "UNKNOWN";
    private static final String API = "/api/";

    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

    /** The framework's own names. */
    private static final Set<String> NAMES = Set.of("root", "NOT_FOUND", "REDIRECTION", "/cors-preflight");

    private final BeanManager beans;
    private volatile Set<String> routes;

    HttpMetricTags(BeanManager beans) {
        this.beans = beans;
    }

    @Override
    public Meter.Id map(Meter.Id id) {
        if (!id.getName().startsWith(PREFIX)) {
            return id;
        }
        return id.replaceTags(id.getTags().stream().map(this::bounded).toList());
    }

    private Tag bounded(Tag tag) {
        return switch (tag.getKey()) {
            case "method" -> METHODS.contains(tag.getValue()) ? tag : Tag.of("method", UNKNOWN);
            case "uri" -> isKnown(tag.getValue()) ? tag : Tag.of("uri", unknown(tag.getValue()));
            default -> tag;
        };
    }

    private boolean isKnown(String uri) {
        if (routes == null) {
            routes = routes();
        }
        return NAMES.contains(uri) || routes.contains(uri);
    }

    /** The alert rules count what fails below {@code /api/}. */
    private static String unknown(String uri) {
        return uri.startsWith(API) ? API + UNKNOWN : UNKNOWN;
    }

    private Set<String> routes() {
        return beans.getBeans(Object.class, Any.Literal.INSTANCE).stream()
                .map(bean -> (Class<?>) bean.getBeanClass())
                .filter(resource -> resource.isAnnotationPresent(Path.class))
                .flatMap(HttpMetricTags::routes)
                .collect(Collectors.toSet());
    }

    private static Stream<String> routes(Class<?> resource) {
        String root = resource.getAnnotation(Path.class).value();
        return Arrays.stream(resource.getDeclaredMethods())
                .filter(HttpMetricTags::isRoute)
                .map(method -> method.getAnnotation(Path.class))
                .map(path -> path == null ? root : root + path.value());
    }

    private static boolean isRoute(Method method) {
        return Arrays.stream(method.getAnnotations())
                .anyMatch(annotation -> annotation.annotationType().isAnnotationPresent(HttpMethod.class));
    }
}
