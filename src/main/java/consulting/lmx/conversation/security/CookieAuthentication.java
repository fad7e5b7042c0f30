package consulting.lmx.conversation.security;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.TokenAuthenticationRequest;
import io.quarkus.smallrye.jwt.runtime.auth.JsonWebTokenCredential;
import io.quarkus.vertx.http.runtime.security.ChallengeData;
import io.quarkus.vertx.http.runtime.security.HttpAuthenticationMechanism;
import io.quarkus.vertx.http.runtime.security.HttpSecurityUtils;
import io.smallrye.mutiny.Uni;
import io.vertx.core.http.Cookie;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.HostAndPort;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.util.List;
import java.util.Set;

/**
 * Takes the caller's token from the cookie if the request has no bearer token. Browsers attach the cookie to requests of any
 * page. So a write with the cookie must come from a page of this origin or of {@code ALLOWED_ORIGINS}: browsers tell it in
 * {@code Sec-Fetch-Site}, older ones in {@code Origin}. A request without both headers comes from a program that chose to send
 * the cookie.
 */
@ApplicationScoped
public class CookieAuthentication implements HttpAuthenticationMechanism {

    private static final Set<HttpMethod> SAFE = Set.of(HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS);

    /** {@code none}: the user entered the address. A page of a sibling domain is {@code same-site}. */
    private static final Set<String> OWN_SITES = Set.of("same-origin", "none");

    private final String name;
    private final List<String> allowed;

    CookieAuthentication(ServiceConfig config) {
        this.name = config.auth().cookie();
        this.allowed = config.allowedOrigins().orElse(List.of());
    }

    /** After the mechanism for bearer tokens, which has the default priority. An invalid bearer token ends the request there. */
    @Override
    public int getPriority() {
        return DEFAULT_PRIORITY - 1;
    }

    @Override
    public Uni<SecurityIdentity> authenticate(RoutingContext context, IdentityProviderManager providers) {
        HttpServerRequest request = context.request();
        Cookie cookie = request.getCookie(name);
        if (cookie == null) {
            return Uni.createFrom().nullItem();
        }
        if (!SAFE.contains(request.method()) && !isFromOwnPage(request)) {
            return Uni.createFrom()
                    .failure(new ServiceException(
                            ErrorCode.CROSS_SITE,
                            "Writes from another origin are not accepted with the cookie. Add the origin to ALLOWED_ORIGINS,"
                                    + " or send the token as a bearer token."));
        }
        return providers.authenticate(HttpSecurityUtils.setRoutingContextAttribute(
                new TokenAuthenticationRequest(new JsonWebTokenCredential(cookie.getValue())), context));
    }

    private boolean isFromOwnPage(HttpServerRequest request) {
        String origin = request.getHeader(HttpHeaders.ORIGIN);
        if (origin != null && allowed.contains(origin)) {
            return true;
        }
        String site = request.getHeader("Sec-Fetch-Site");
        return site != null ? OWN_SITES.contains(site) : origin == null || isOwn(origin, request);
    }

    /**
     * Compares host and port, and rejects {@code http:} if a trusted proxy says that it terminates TLS. From other proxies, the
     * scheme is unknown.
     */
    private static boolean isOwn(String origin, HttpServerRequest request) {
        try {
            URI page = URI.create(origin);
            boolean secure = "https".equals(page.getScheme());
            int defaultPort = secure ? 443 : 80;
            HostAndPort host = request.authority();
            return host != null
                    && (secure || !request.isSSL())
                    && host.host().equalsIgnoreCase(page.getHost())
                    && portOr(host.port(), defaultPort) == portOr(page.getPort(), defaultPort);
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static int portOr(int port, int defaultPort) {
        return port > 0 ? port : defaultPort;
    }

    @Override
    public Uni<ChallengeData> getChallenge(RoutingContext context) {
        return Uni.createFrom().nullItem(); // the mechanism for bearer tokens has one
    }
}
