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
 * The routes of all resources, as their annotations declare them. It also sets the {@code Allow} header of a 405 and of an
 * answer to {@code OPTIONS} (RFC 9110, 15.5.6): RESTEasy Reactive names methods of other paths there.
 */
@ApplicationScoped
public class Routes {

    private static final int METHOD_NOT_ALLOWED = 405;

    private record Route(String path, Pattern pattern, String method) {

        Route(String path, String method) {
            this(path, Pattern.compile(path.replaceAll("\\{[^/]+}", "[^/]+")), method);
        }
    }

    private final List<Route> routes;

    Routes(BeanManager beans) {
        routes = beans.getBeans(Object.class, Any.Literal.INSTANCE).stream()
                .map(bean -> (Class<?>) bean.getBeanClass())
                .filter(resource -> resource.isAnnotationPresent(Path.class))
                .flatMap(resource -> Arrays.stream(resource.getDeclaredMethods()))
                .flatMap(Routes::routes)
                .toList();
    }

    private static Stream<Route> routes(Method method) {
        Path path = method.getAnnotation(Path.class);
        String full = method.getDeclaringClass().getAnnotation(Path.class).value() + (path == null ? "" : path.value());
        return Arrays.stream(method.getAnnotations())
                .map(annotation -> annotation.annotationType().getAnnotation(jakarta.ws.rs.HttpMethod.class))
                .filter(verb -> verb != null)
                .map(verb -> new Route(full, verb.value()));
    }

    void register(@Observes Filters filters) {
        filters.register(
                request -> {
                    request.addHeadersEndHandler(ended -> setAllow(request));
                    request.next();
                },
                FilterOrder.ALLOW_HEADER);
    }

    private void setAllow(RoutingContext request) {
        boolean answersOptions = request.request().method() == HttpMethod.OPTIONS
                && request.response().headers().contains(HttpHeaders.ALLOW);
        if (answersOptions || request.response().getStatusCode() == METHOD_NOT_ALLOWED) {
            request.response().putHeader(HttpHeaders.ALLOW, String.join(", ", methods(request.normalizedPath())));
        }
    }

    private TreeSet<String> methods(String path) {
        TreeSet<String> methods = new TreeSet<>(List.of("OPTIONS"));
        routes.stream()
                .filter(route -> route.pattern().matcher(path).matches())
                .forEach(route -> methods.add(route.method()));
        if (methods.contains("GET")) {
            methods.add("HEAD");
        }
        return methods;
    }

    /** Whether a route has this path, with its parameters in braces. */
    boolean contains(String path) {
        return routes.stream().anyMatch(route -> route.path().equals(path));
    }
}
