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

/** The purpose of the process, and the settings without which it does not start in production. */
@ConfigMapping(prefix = "conversations")
public interface ServiceConfig extends SelfValidating {

    /** An origin as browsers send it. {@code null}, which they send for pages without one, and patterns do not match. */
    Pattern ORIGIN = Pattern.compile("[a-z][a-z0-9+.-]*://[^/\\sA-Z*]+");

    /** Whether the process serves requests; commands set this to false themselves. */
    @WithDefault("true")
    boolean serve();

    /** Whether the process serves the console, the page at {@code /}. */
    @WithDefault("true")
    boolean console();

    /** The connection string of the database. Set it as {@code MONGODB_URI}. */
    Optional<String> connectionString();

    /**
     * The origins, besides the service's own one, whose pages may call the service from a browser. Set it as
     * {@code ALLOWED_ORIGINS}.
     */
    Optional<List<String>> allowedOrigins();

    /** Authentication of callers. */
    AuthConfig auth();

    @Override
    default void check(Consumer<String> wrong) {
        EnvironmentCheck.check(System.getenv().keySet(), wrong);
        connectionString().ifPresent(uri -> requireConnectionString(uri, wrong));
        if (serve() && LaunchMode.current() == LaunchMode.NORMAL) {
            if (connectionString().isEmpty()) {
                wrong.accept(
                        "MONGODB_URI is not set, so there is no database for the conversations: set it to the connection"
                                + " string, for example mongodb://host:27017/?replicaSet=rs0");
            }
            auth().requireForProduction(wrong);
            requireNamedOrigins(wrong);
        }
    }

    private static void requireConnectionString(String uri, Consumer<String> wrong) {
        try {
            new ConnectionString(uri);
        } catch (IllegalArgumentException e) {
            wrong.accept(
                    "MONGODB_URI is not a valid connection string (" + e.getMessage() + "), so there is no database for"
                            + " the conversations: set it to one such as mongodb://host:27017/?replicaSet=rs0");
        }
    }

    private void requireNamedOrigins(Consumer<String> wrong) {
        String unsent = allowedOrigins().orElse(List.of()).stream()
                .filter(origin -> !ORIGIN.matcher(origin).matches())
                .collect(Collectors.joining(", "));
        if (!unsent.isEmpty()) {
            wrong.accept("ALLOWED_ORIGINS contains " + unsent
                    + ", which is a pattern or never sent by browsers for a page that"
                    + " you can trust: name each origin in full, in lower case and without a path, for example"
                    + " https://chat.example.com");
        }
    }
}
