package consulting.lmx.conversation.http;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Any;
import jakarta.enterprise.inject.spi.BeanManager;
import jakarta.ws.rs.Path;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Names in {@code Allow} the methods that a path has, wherever it was asked for another one (405) or for just those
 * ({@code OPTIONS}): RFC 9110 wants it, and the framework does not look at the path for it.
 */
@ApplicationScoped
public class AllowedMethods {

    private static final int METHOD_NOT_ALLOWED = 405;

    /** First of all, since it only looks at the answer. */
    private static final int PRIORITY = 1000;

    private record Route(Pattern path, String method) {}

    private final List<Route> routes;

    AllowedMethods(BeanManager beans) {
        routes = beans.getBeans(Object.class, Any.Literal.INSTANCE).stream()
                .map(bean -> (Class<?>) bean.getBeanClass())
                .filter(resource -> resource.isAnnotationPresent(Path.class))
                .flatMap(AllowedMethods::routes)
                .toList();
    }

    private static Stream<Route> routes(Class<?> resource) {
        String root = resource.getAnnotation(Path.class).value();
        return Arrays.stream(resource.getDeclaredMethods())
                .flatMap(method -> Arrays.stream(method.getAnnotations())
                        .map(annotation -> annotation.annotationType().getAnnotation(jakarta.ws.rs.HttpMethod.class))
                        .filter(verb -> verb != null)
                        .map(verb -> new Route(pattern(root, method), verb.value())));
    }

    private static Pattern pattern(String root, Method method) {
        Path path = method.getAnnotation(Path.class);
        return Pattern.compile((root + (path == null ? "" : path.value())).replaceAll("\\{[^/]+}", "[^/]+"));
    }

    void register(@Observes Filters filters) {
        filters.register(
                request -> {
                    request.addHeadersEndHandler(ended -> allow(request));
                    request.next();
                },
                PRIORITY);
    }

    private void allow(RoutingContext request) {
        boolean asked = request.request().method() == HttpMethod.OPTIONS
                && request.response().headers().contains(HttpHeaders.ALLOW);
        if (asked || request.response().getStatusCode() == METHOD_NOT_ALLOWED) {
            request.response().putHeader(HttpHeaders.ALLOW, String.join(", ", methods(request.normalizedPath())));
        }
    }

    private TreeSet<String> methods(String path) {
        TreeSet<String> methods = new TreeSet<>(List.of("OPTIONS"));
        routes.stream()
                .filter(route -> route.path().matcher(path).matches())
                .forEach(route -> methods.add(route.method()));
        if (methods.contains("GET")) {
            methods.add("HEAD");
        }
        return methods;
    }
}
