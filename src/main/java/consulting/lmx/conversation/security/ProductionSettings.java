package consulting.lmx.conversation.security;

import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Refuses a start in production that would hurt, and says all that is wrong at once: setting, consequence, remedy. */
@ApplicationScoped
public class ProductionSettings {

    private static final int SECRET_BYTES = 32;

    private final ServiceConfig service;
    private final AuthConfig auth;
    private final Optional<String> connectionString;
    private final Optional<List<String>> allowedOrigins;

    ProductionSettings(
            ServiceConfig service,
            AuthConfig auth,
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.http.cors.origins") Optional<List<String>> allowedOrigins) {
        this.allowedOrigins = allowedOrigins;
        this.service = service;
        this.auth = auth;
        this.connectionString = connectionString;
    }

    void onStart(@Observes @Priority(1) StartupEvent event) {
        if (LaunchMode.current() == LaunchMode.NORMAL && service.serve()) {
            List<String> wrong = problems();
            if (!wrong.isEmpty()) {
                throw new ConfigurationException("The service was not started:\n - " + String.join("\n - ", wrong));
            }
        }
    }

    List<String> problems() {
        List<String> wrong = new ArrayList<>();
        if (connectionString.isEmpty()) {
            wrong.add("MONGODB_URI is not set, so there is no database to keep conversations in:"
                    + " set it to the connection string, for instance mongodb://host:27017/?replicaSet=rs0");
        }
        addTokenProblems(wrong);
        if (auth.devUser().isPresent()) {
            wrong.add("conversations.auth.dev-user is set, so every call without a token would be let in as "
                    + auth.devUser().get() + " with every role: remove it, it is for dev mode and tests");
        }
        if (allowedOrigins.orElse(List.of()).stream()
                .anyMatch(origin -> origin.contains("*") || origin.startsWith("/"))) {
            wrong.add(
                    "ALLOWED_ORIGINS has a pattern in it, so that sites which you do not know could act for your users:"
                            + " name each origin in full, for instance https://chat.example.com");
        }
        return wrong;
    }

    private void addTokenProblems(List<String> wrong) {
        Optional<String> secret = auth.secret();
        Optional<String> jwks = auth.jwks().url();
        if (secret.isEmpty() && jwks.isEmpty()) {
            wrong.add(
                    "AUTH_SECRET is not set, and AUTH_JWKS_URL neither, so no caller's token could be checked and every"
                            + " call would be refused: set AUTH_SECRET to the secret that your frontend signs its HS256 tokens"
                            + " with, 32 bytes or more, or AUTH_JWKS_URL to where the public keys of your identity provider are");
        }
        if (secret.isPresent() && jwks.isPresent()) {
            wrong.add("AUTH_SECRET and AUTH_JWKS_URL are both set, so it is not clear whose tokens are to be let in:"
                    + " remove the one that your tokens are not signed with");
        }
        if (secret.isPresent() && secret.get().getBytes(StandardCharsets.UTF_8).length < SECRET_BYTES) {
            wrong.add("AUTH_SECRET is shorter than 32 bytes, so tokens signed with it could be forged by guessing it:"
                    + " set a longer one here and in the frontend");
        }
        try {
            jwks.map(KeyLocation::of);
        } catch (IllegalArgumentException e) {
            wrong.add("AUTH_JWKS_URL is no place that keys can be read from (" + e.getMessage()
                    + "), so no caller's token could be checked: set it to a path, or to an address of file:, http: or"
                    + " https:");
        }
    }
}
