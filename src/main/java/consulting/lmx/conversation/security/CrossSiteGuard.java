package consulting.lmx.conversation.security;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.Problems;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Refuses a write that a browser sends from another site along with the cookie: the cookie comes by itself, so that it says
 * nothing of who asked. The browser tells by {@code Sec-Fetch-Site}, older ones by {@code Origin}. A bearer token is sent on
 * purpose, and frontends of {@code ALLOWED_ORIGINS} are trusted.
 */
@ApplicationScoped
public class CrossSiteGuard {

    /** After CORS (300) and the gate (250), before the body is looked at (240). */
    private static final int PRIORITY = 245;

    private static final Set<HttpMethod> SAFE = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

    private final String cookie;
    private final List<String> allowed;

    CrossSiteGuard(
            @ConfigProperty(name = "mp.jwt.token.cookie") String cookie,
            @ConfigProperty(name = "quarkus.http.cors.origins") Optional<List<String>> allowed) {
        this.cookie = cookie;
        this.allowed = allowed.orElse(List.of());
    }

    void register(@Observes Filters filters) {
        filters.register(this::check, PRIORITY);
    }

    private void check(RoutingContext context) {
        HttpServerRequest request = context.request();
        boolean byCookie = request.getCookie(cookie) != null; // which counts, whatever bearer stands beside it
        if (SAFE.contains(request.method()) || !byCookie || !isFromElsewhere(request)) {
            context.next();
        } else {
            Problems.send(
                    context,
                    ErrorCode.CROSS_SITE,
                    "A write from another site is not taken by cookie. Name its origin in ALLOWED_ORIGINS, or send the token"
                            + " as a bearer.",
                    new JsonObject());
        }
    }

    private boolean isFromElsewhere(HttpServerRequest request) {
        String origin = request.getHeader(HttpHeaders.ORIGIN);
        if (origin != null && allowed.contains(origin)) {
            return false;
        }
        String site = request.getHeader("Sec-Fetch-Site");
        return site != null ? site.equals("cross-site") : origin != null && !isOwn(origin, request);
    }

    private static boolean isOwn(String origin, HttpServerRequest request) {
        try {
            return request.authority() != null
                    && request.authority().toString().equals(URI.create(origin).getAuthority());
        } catch (IllegalArgumentException e) {
            return false; // an origin that is none, such as null
        }
    }
}
