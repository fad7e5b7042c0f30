package consulting.lmx.conversation.http;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.Problems;
import consulting.lmx.conversation.security.ServiceConfig;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Answers requests for the console with 404 if {@link ServiceConfig#console()} is false. */
@ApplicationScoped
public class ConsoleRoutes {

    /**
     * Decoded paths of the page and its scripts. Quarkus decodes paths of files, encoded slashes too, so a prefix says nothing if dots
     * follow. The description of problem types shares the style sheet.
     */
    private static final Pattern CONSOLE =
            Pattern.compile("(?!/(api|q)/(?!.*/\\.\\.(/|$))).*(/|/index\\.html|\\.js)", Pattern.DOTALL);

    private final ServiceConfig config;

    ConsoleRoutes(ServiceConfig config) {
        this.config = config;
    }

    void register(@Observes Filters filters) {
        if (!config.console()) {
            filters.register(ConsoleRoutes::hide, FilterOrder.CONSOLE);
        }
    }

    private static void hide(RoutingContext request) {
        String path = URLDecoder.decode(request.normalizedPath(), StandardCharsets.UTF_8);
        if (CONSOLE.matcher(path).matches()) {
            Problems.send(request, ErrorCode.NO_SUCH_PATH, "The console is turned off (conversations.console).");
        } else {
            request.next();
        }
    }
}
