package consulting.lmx.conversation.security;

import com.mongodb.ConnectionString;
import consulting.lmx.conversation.config.EnvironmentCheck;
import consulting.lmx.conversation.config.SelfValidating;
import io.quarkus.runtime.LaunchMode;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What the process is for, and what it refuses to serve without in production. */
@ConfigMapping(prefix = "conversations")
public interface ServiceConfig extends SelfValidating {

    /** As a browser sends it. {@code null}, which it sends for a page without one, is none. */
    Pattern ORIGIN = Pattern.compile("[a-z][a-z0-9+.-]*://[^/\\sA-Z]+");

    /** Whether it serves; false where it runs a command, which sets this itself. */
    @WithDefault("true")
    boolean serve();

    /** Where the database is: a connection string of the MongoDB driver. Deployers set it as {@code MONGODB_URI}. */
    Optional<String> connectionString();

    /**
     * The sites, each by its full origin, whose pages may call from a browser; those of the service's own origin where it is
     * not set. Deployers set it as {@code ALLOWED_ORIGINS}.
     */
    Optional<List<String>> allowedOrigins();

    /** How the caller of a request is known. */
    AuthConfig auth();

    @Override
    default void check(Consumer<String> wrong) {
        EnvironmentCheck.check(System.getenv().keySet(), wrong);
        connectionString().ifPresent(uri -> requireConnectionString(uri, wrong));
        if (serve() && LaunchMode.current() == LaunchMode.NORMAL) {
            if (connectionString().isEmpty()) {
                wrong.accept("MONGODB_URI is not set, so there is no database to keep conversations in:"
                        + " set it to the connection string, for instance mongodb://host:27017/?replicaSet=rs0");
            }
            auth().requireForProduction(wrong);
            requireNamedOrigins(wrong);
        }
    }

    private static void requireConnectionString(String uri, Consumer<String> wrong) {
        try {
            new ConnectionString(uri);
        } catch (IllegalArgumentException e) {
            wrong.accept("MONGODB_URI is no connection string (" + e.getMessage() + "), so there is no database to keep"
                    + " conversations in: set it to one, for instance mongodb://host:27017/?replicaSet=rs0");
        }
    }

    private void requireNamedOrigins(Consumer<String> wrong) {
        List<String> origins = allowedOrigins().orElse(List.of());
        if (origins.stream().anyMatch(ServiceConfig::isPattern)) {
            wrong.accept(
                    "ALLOWED_ORIGINS has a pattern in it, so that sites which you do not know could act for your users:"
                            + " name each origin in full, for instance https://chat.example.com");
        }
        String unsent = origins.stream()
                .filter(origin -> !isPattern(origin) && !ORIGIN.matcher(origin).matches())
                .collect(Collectors.joining(", "));
        if (!unsent.isEmpty()) {
            wrong.accept(
                    "ALLOWED_ORIGINS has " + unsent + " in it, which browsers send for no page that you could trust:"
                            + " name each origin in lower case and without a path, for instance https://chat.example.com");
        }
    }

    private static boolean isPattern(String origin) {
        return origin.contains("*") || origin.startsWith("/");
    }
}
