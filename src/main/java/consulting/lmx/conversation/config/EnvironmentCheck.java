package consulting.lmx.conversation.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds misspelt environment variables, which SmallRye Config ignores. */
public final class EnvironmentCheck {

    private static final String PREFIX = "CONVERSATIONS_";

    /** The names of all settings, one per line; SettingsTest writes this file. */
    private static final String NAMES = "/META-INF/settings";

    /** The variables that Kubernetes sets in a pod for a Service with a name that starts with {@code conversations}. */
    private static final Pattern OF_A_SERVICE =
            Pattern.compile(".*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)");

    private EnvironmentCheck() {}

    /**
     * Reports each variable that has the prefix of this project's settings but sets none of them.
     *
     * @param variables the names of the variables that are set
     */
    public static void check(Collection<String> variables, Consumer<String> wrong) {
        List<String> ours = variables.stream()
                .filter(name ->
                        name.startsWith(PREFIX) && !OF_A_SERVICE.matcher(name).matches())
                .sorted()
                .toList();
        if (!ours.isEmpty()) {
            Set<String> known = known();
            ours.stream()
                    .filter(name -> !known.contains(name))
                    .forEach(name -> wrong.accept(
                            name + " sets nothing, because there is no such setting: correct its name, or remove it"));
        }
    }

    private static Set<String> known() {
        try (InputStream names = EnvironmentCheck.class.getResourceAsStream(NAMES)) {
            return Stream.concat(
                            new String(names.readAllBytes(), StandardCharsets.UTF_8).lines(), RetiredSettings.names())
                    .map(name -> name.toUpperCase(Locale.ROOT).replaceAll("[^A-Z0-9]", "_"))
                    .collect(Collectors.toSet());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
