package consulting.lmx.conversation.config;

import io.quarkus.runtime.configuration.DurationConverter;
import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.runtime.configuration.MemorySizeConverter;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.ConfigValidationException.Problem;
import io.smallrye.config.ConfigValidator;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.SmallRyeConfigBuilderCustomizer;
import io.smallrye.config.common.utils.StringUtil;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Validates the settings before the start and reports all errors at once: unknown names, wrong types, values out of bounds and
 * broken rules among settings. Registered through {@link java.util.ServiceLoader}.
 */
public final class SettingsCheck implements SmallRyeConfigBuilderCustomizer, ConfigValidator {

    @Override
    public void configBuilder(SmallRyeConfigBuilder builder) {
        builder.withValidator(this);
        LiteralVariables.register(builder);
        builder.withInterceptors(new RetiredSettings.Interceptor());
    }

    @Override
    public void validateMapping(Class<?> mapping, String prefix, Object settings) {
        List<String> wrong = new ArrayList<>();
        if (mapping.getPackageName().startsWith("consulting.lmx.conversation")) {
            checkBounds(mapping, prefix, settings, wrong);
        }
        if (settings instanceof SelfValidating checked) {
            checked.check(wrong::add);
        }
        if (!wrong.isEmpty()) {
            throw new ConfigValidationException(wrong.stream().map(Problem::new).toArray(Problem[]::new));
        }
    }

    private static void checkBounds(Class<?> mapping, String prefix, Object settings, List<String> wrong) {
        for (Method setting : mapping.getDeclaredMethods()) {
            String name = prefix + "." + StringUtil.skewer(setting.getName());
            Bounds bounds = setting.getAnnotation(Bounds.class);
            if (bounds != null) {
                Object value = value(setting, settings);
                if (compare(value, bounds.min()) < 0 || !bounds.max().isEmpty() && compare(value, bounds.max()) > 0) {
                    wrong.add(name + " must be " + bounds.min()
                            + (bounds.max().isEmpty() ? " or more" : " to " + bounds.max())
                            + ": correct it, or remove it to use the default");
                }
            } else if (isGroupOf(mapping, setting)) {
                checkBounds(setting.getReturnType(), name, value(setting, settings), wrong);
            }
        }
    }

    private static boolean isGroupOf(Class<?> mapping, Method setting) {
        Class<?> type = setting.getReturnType();
        return type.isInterface() && type.getEnclosingClass() == mapping && setting.getParameterCount() == 0;
    }

    private static Object value(Method setting, Object settings) {
        try {
            return setting.invoke(settings);
        } catch (IllegalAccessException | InvocationTargetException e) {
            throw new IllegalStateException(setting + " cannot be read", e);
        }
    }

    /** Compares like {@link Comparable}; a setting that is not set is within every bound. */
    private static int compare(Object value, String bound) {
        if (value instanceof Optional<?> optional) {
            return optional.map(present -> compare(present, bound)).orElse(0);
        }
        if (value instanceof OptionalInt optional) {
            return optional.isEmpty() ? 0 : compare(optional.getAsInt(), bound);
        }
        if (value instanceof Duration duration) {
            return duration.compareTo(DurationConverter.parseDuration(bound));
        }
        if (value instanceof MemorySize size) {
            return size.asBigInteger()
                    .compareTo(new MemorySizeConverter().convert(bound).asBigInteger());
        }
        return Long.compare(((Number) value).longValue(), Long.parseLong(bound));
    }
}
