package consulting.lmx.conversation.config;

import io.quarkus.runtime.StartupEvent;
import io.smallrye.config.ConfigSourceInterceptor;
import io.smallrye.config.ConfigSourceInterceptorContext;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.Priorities;
import jakarta.annotation.Priority;
import jakarta.enterprise.event.Observes;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.Config;
import org.jboss.logging.Logger;

/**
 * The settings of the last release that this one renamed or made constant. They do not stop the start, because pods of both
 * releases share one configuration during an upgrade. The next release deletes this class.
 */
public class RetiredSettings {

    private static final Logger LOG = Logger.getLogger(RetiredSettings.class);

    /** The new name of each setting by its old name. */
    private static final Map<String, String> RENAMED = Map.of(
            "conversations.events.listeners", "conversations.events.max-streams-per-caller",
            "conversations.events.streams", "conversations.events.max-streams");

    private static final Map<String, String> OLD_NAMES =
            RENAMED.entrySet().stream().collect(Collectors.toMap(Map.Entry::getValue, Map.Entry::getKey));

    private static final Set<String> CONSTANT = Set.of(
            "conversations.auth.jwks.pause",
            "conversations.auth.jwks.timeout",
            "conversations.events.poll",
            "conversations.integrity.retry-max",
            "conversations.integrity.retry-min",
            "conversations.limits.metadata-depth",
            "conversations.limits.metadata-keys",
            "conversations.limits.metadata-size",
            "conversations.limits.start-messages",
            "conversations.limits.title-length");

    void warn(@Observes StartupEvent started, Config config) {
        names().filter(old -> config.getOptionalValue(old, String.class).isPresent())
                .forEach(RetiredSettings::warn);
    }

    private static void warn(String old) {
        if (RENAMED.containsKey(old)) {
            LOG.warnf(
                    "event=setting-renamed %s is now called %s: rename it, because the next release rejects the old name",
                    old, RENAMED.get(old));
        } else {
            LOG.warnf("event=setting-ignored %s has no effect: remove it, because the next release rejects it", old);
        }
    }

    static Stream<String> names() {
        return Stream.concat(RENAMED.keySet().stream(), CONSTANT.stream());
    }

    /** Reads a renamed setting by its old name too, and hides retired names from the check for unknown settings. */
    @Priority(Priorities.LIBRARY + 600)
    static final class Interceptor implements ConfigSourceInterceptor {

        private static final long serialVersionUID = 1;

        private static final Set<String> NAMES = names().collect(Collectors.toUnmodifiableSet());

        @Override
        public ConfigValue getValue(ConfigSourceInterceptorContext context, String name) {
            ConfigValue value = context.proceed(name);
            String oldName = OLD_NAMES.get(name);
            ConfigValue old = oldName == null ? null : context.proceed(oldName);
            boolean oldWins =
                    old != null && (value == null || value.getConfigSourceOrdinal() < old.getConfigSourceOrdinal());
            return oldWins ? old.withName(name) : value;
        }

        @Override
        public Iterator<String> iterateNames(ConfigSourceInterceptorContext context) {
            List<String> names = new ArrayList<>();
            context.iterateNames().forEachRemaining(names::add);
            names.removeAll(NAMES);
            return names.iterator();
        }
    }
}
