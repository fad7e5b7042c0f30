package consulting.lmx.conversation.config;

import io.smallrye.config.ConfigSourceInterceptor;
import io.smallrye.config.ConfigSourceInterceptorContext;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.Priorities;
import io.smallrye.config.SmallRyeConfigBuilder;
import jakarta.annotation.Priority;
import java.util.Set;

/**
 * Takes the values of the environment variables that deployers set literally. SmallRye Config expands {@code $$}, {@code \$} and
 * {@code ${…}} in every value, which would change a password with a dollar sign, and has no escape for all three. So a
 * noncharacter replaces the dollar signs of these variables during the expansion. An empty variable counts as not set.
 */
final class LiteralVariables {

    private static final Set<String> NAMES = Set.of(
            "MONGODB_URI",
            "MONGODB_DB",
            "PORT",
            "AUTH_SECRET",
            "AUTH_SECRET_PREVIOUS",
            "AUTH_JWKS_URL",
            "AUTH_ISSUER",
            "AUTH_AUDIENCE",
            "AUTH_ROLES_CLAIM",
            "AUTH_COOKIE",
            "ALLOWED_ORIGINS");

    /** A Unicode noncharacter. */
    private static final char DOLLAR = '\uFDD0';

    /** The priority of SmallRye Config's expansion. An interceptor of a lower priority is closer to the sources. */
    private static final int EXPANSION = Priorities.LIBRARY + 300;

    private LiteralVariables() {}

    static void register(SmallRyeConfigBuilder builder) {
        builder.withInterceptors(new BeforeExpansion(), new AfterExpansion());
    }

    @Priority(EXPANSION - 1)
    private static final class BeforeExpansion implements ConfigSourceInterceptor {

        private static final long serialVersionUID = 1;

        @Override
        public ConfigValue getValue(ConfigSourceInterceptorContext context, String name) {
            ConfigValue value = context.proceed(name);
            if (value == null || !NAMES.contains(name)) {
                return value;
            }
            String text = value.getValue();
            return text == null || text.isEmpty() ? null : replace(value, '$', DOLLAR);
        }
    }

    @Priority(EXPANSION + 1)
    private static final class AfterExpansion implements ConfigSourceInterceptor {

        private static final long serialVersionUID = 1;

        @Override
        public ConfigValue getValue(ConfigSourceInterceptorContext context, String name) {
            return replace(context.proceed(name), DOLLAR, '$');
        }
    }

    private static ConfigValue replace(ConfigValue value, char from, char to) {
        return value == null || value.getValue() == null || value.getValue().indexOf(from) < 0
                ? value
                : value.withValue(value.getValue().replace(from, to));
    }
}
