package consulting.lmx.conversation.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The table of the settings in docs/operations.md is what the code says of them. {@code -Dsettings.write=true} writes it
 * anew.
 */
class SettingsTest {

    private static final Path SOURCES = Path.of("src/main/java");
    private static final Path PAGE = Path.of("docs/operations.md");
    private static final Path NAMES = Path.of("src/main/resources/META-INF/settings");
    private static final Pattern TABLE = Pattern.compile("(?s)(<!-- settings -->\n).*?(<!-- /settings -->)");

    @Test
    void tableOfThePageIsThatOfTheCode() throws IOException {
        String page = Files.readString(PAGE);
        String right = TABLE.matcher(page).replaceFirst("$1" + Matcher.quoteReplacement(table()) + "$2");
        if (Boolean.getBoolean("settings.write")) {
            Files.writeString(PAGE, right);
        }
        assertThat(Files.readString(PAGE))
                .as("./mvnw test -Dtest=SettingsTest -Dsettings.write=true")
                .isEqualTo(right)
                .contains("| `conversations.limits.page-size` | `100` | 1 to 100 |");
    }

    @Test
    void namesThatVariablesAreHeldToAreThoseOfTheCode() throws IOException {
        String names = table().lines()
                .filter(row -> row.startsWith("| `"))
                .map(row -> row.substring(3, row.indexOf('`', 3)) + "\n")
                .collect(Collectors.joining());
        if (Boolean.getBoolean("settings.write")) {
            Files.writeString(NAMES, names);
        }
        assertThat(Files.readString(NAMES))
                .as("./mvnw test -Dtest=SettingsTest -Dsettings.write=true")
                .isEqualTo(names);
    }

    private static String table() throws IOException {
        List<String> rows = new ArrayList<>();
        for (JavaClass mapping : new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("consulting.lmx.conversation")) {
            if (mapping.isAnnotatedWith(ConfigMapping.class)) {
                rows.addAll(rows(mapping.reflect()));
            }
        }
        rows.sort(Comparator.naturalOrder());
        return "| setting | default | bound | effect |\n|---|---|---|---|\n" + String.join("", rows);
    }

    private static List<String> rows(Class<?> mapping) throws IOException {
        String source = Files.readString(SOURCES.resolve(mapping.getName().replace('.', '/') + ".java"));
        return rows(mapping, mapping.getAnnotation(ConfigMapping.class).prefix(), source);
    }

    /** Of an interface that groups settings, each of them. */
    private static List<String> rows(Class<?> mapping, String prefix, String source) {
        List<String> rows = new ArrayList<>();
        for (Method setting : mapping.getDeclaredMethods()) {
            if (setting.isDefault()
                    || setting.getReturnType().isAnnotationPresent(ConfigMapping.class)
                    || setting.isSynthetic()
                    || java.lang.reflect.Modifier.isPrivate(setting.getModifiers())
                    || java.lang.reflect.Modifier.isStatic(setting.getModifiers())) {
                continue;
            }
            if (setting.getReturnType().getEnclosingClass() == mapping
                    && setting.getReturnType().isInterface()) {
                rows.addAll(rows(setting.getReturnType(), prefix + "." + dashed(setting.getName()), source));
                continue;
            }
            WithDefault fallback = setting.getAnnotation(WithDefault.class);
            rows.add("| `%s.%s` | %s | %s | %s |\n"
                    .formatted(
                            prefix,
                            dashed(setting.getName()),
                            fallback == null ? "none" : "`" + fallback.value() + "`",
                            bound(setting),
                            effect(source, setting.getName())));
        }
        return rows;
    }

    private static String dashed(String name) {
        return name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    private static String bound(Method setting) {
        if (setting.getReturnType().isEnum()) {
            return Stream.of(setting.getReturnType().getEnumConstants())
                    .map(word -> "`" + word.toString().toLowerCase(Locale.ROOT).replace('_', '-') + "`")
                    .collect(Collectors.joining(", "));
        }
        Bounds bounds = setting.getAnnotation(Bounds.class);
        if (bounds != null) {
            return bounds.min() + (bounds.max().isEmpty() ? " or more" : " to " + bounds.max());
        }
        Class<?> type = setting.getReturnType();
        return type == Optional.class || type == OptionalInt.class
                ? "may be absent"
                : "a " + dashed(type.getSimpleName()).replaceFirst("^-", "").replace('-', ' ');
    }

    /** The Javadoc of the setting, on one line of Markdown. */
    private static String effect(String source, String name) {
        Matcher javadoc = Pattern.compile("(?s)/\\*\\*((?:(?!\\*/).)*)\\*/[^;{]*?\\b" + name + "\\(\\);")
                .matcher(source);
        assertThat(javadoc.find()).as("%s has a Javadoc", name).isTrue();
        String text = javadoc.group(1)
                .replaceAll("(?m)^\\s*\\*", " ")
                .replaceAll("\\{@code ([^}]*)}", "`$1`")
                .replaceAll("\\s+", " ")
                .strip();
        Matcher link = Pattern.compile("\\{@link #(\\w+)\\(\\)}").matcher(text);
        return link.replaceAll(found -> "`" + dashed(found.group(1)) + "`").replace("|", "\\|");
    }
}
