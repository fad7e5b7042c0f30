package consulting.lmx.conversation.error;

import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.json.JsonObject;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Refuses a body that says of itself that it is too large, before any of it is read. */
@ApplicationScoped
public class BodyLimit {

    private static final int BEFORE_EVERYTHING = 1000;

    private final long limit;

    BodyLimit(@ConfigProperty(name = "conversations.limits.body-size", defaultValue = "1M") MemorySize limit) {
        this.limit = limit.asLongValue();
    }

    void register(@Observes Filters filters) {
        filters.register(this::check, BEFORE_EVERYTHING);
    }

    private void check(RoutingContext request) {
        String length = request.request().getHeader(HttpHeaders.CONTENT_LENGTH);
        if (length != null && Long.parseLong(length) > limit) {
            request.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            request.addEndHandler(ended -> request.request().connection().close());
            Problems.send(
                    request,
                    ErrorCode.BODY_TOO_LARGE,
                    "A body may have at most " + limit + " bytes.",
                    new JsonObject());
        } else {
            request.next();
        }
    }
}
