package consulting.lmx.conversation.testsupport;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;

/** Lets the application take its keys from a {@link KeyServer}, which the test gets; other settings are its arguments. */
public class KeyServerResource implements QuarkusTestResourceLifecycleManager {

    private final Map<String, String> settings = new HashMap<>();
    private KeyServer server;

    @Override
    public void init(Map<String, String> arguments) {
        settings.putAll(arguments);
    }

    @Override
    public Map<String, String> start() {
        try {
            server = KeyServer.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        settings.put("conversations.auth.secret", "");
        settings.put("conversations.auth.jwks.url", server.url());
        return settings;
    }

    @Override
    public void inject(TestInjector injector) {
        injector.injectIntoFields(server, new TestInjector.MatchesType(KeyServer.class));
    }

    @Override
    public void stop() {
        if (server != null) {
            server.close();
        }
    }
}
