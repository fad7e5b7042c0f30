package consulting.lmx.conversation.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What a deployer's variable holds is what the setting holds, whatever the configuration's expressions make of it elsewhere. */
class LiteralVariablesTest {

    private static final Map<String, String> SETTINGS = Map.ofEntries(
            Map.entry("MONGODB_URI", "quarkus.mongodb.connection-string"),
            Map.entry("MONGODB_DB", "quarkus.mongodb.database"),
            Map.entry("PORT", "quarkus.http.port"),
            Map.entry("AUTH_SECRET", "conversations.auth.secret"),
            Map.entry("AUTH_SECRET_PREVIOUS", "conversations.auth.secret-previous"),
            Map.entry("AUTH_JWKS_URL", "conversations.auth.jwks.url"),
            Map.entry("AUTH_ISSUER", "conversations.auth.issuer"),
            Map.entry("AUTH_AUDIENCE", "conversations.auth.audience"),
            Map.entry("AUTH_ROLES_CLAIM", "conversations.auth.roles-claim"),
            Map.entry("AUTH_COOKIE", "conversations.auth.cookie"),
            Map.entry("ALLOWED_ORIGINS", "quarkus.http.cors.origins"));

    private static SmallRyeConfig config(Map<String, String> variables) throws IOException {
        return new SmallRyeConfigBuilder()
                .addDefaultInterceptors()
                .withProfile("prod")
                .withSources(new PropertiesConfigSource(
                        Path.of("src/main/resources/application.properties")
                                .toUri()
                                .toURL(),
                        250))
                .withSources(new PropertiesConfigSource(variables, "the environment", 300))
                .withCustomizers(new SettingsCheck())
                .build();
    }

    static Stream<Arguments> variablesAndValues() {
        return SETTINGS.keySet().stream()
                .flatMap(variable -> Stream.of(
                                "$",
                                "$$",
                                "a$$b$",
                                "${X}",
                                "$${X}",
                                "\\${X}",
                                "\\$",
                                "\\\\$$",
                                "${AUTH_SECRET}",
                                "${" + variable + "}",
                                "${X:default}",
                                "${unclosed",
                                "${a::b}",
                                "{}$}",
                                "a, b\\,c",
                                "  spaces on both sides  ",
                                "a\nb\n",
                                "%24%s\"'`#!=:")
                        .map(value -> Arguments.of(variable, value)));
    }

    @ParameterizedTest
    @MethodSource("variablesAndValues")
    void valueIsTakenLiterally(String variable, String value) throws IOException {
        SmallRyeConfig config = config(Map.of(variable, value));
        assertThat(config.getValue(SETTINGS.get(variable), String.class)).isEqualTo(value);
        if (variable.equals("MONGODB_URI")) {
            assertThat(config.getValue("conversations.connection-string", String.class))
                    .isEqualTo(value);
        }
    }

    @ParameterizedTest
    @CsvSource({"MONGODB_DB,lmx-consulting", "PORT,8080", "AUTH_COOKIE,auth-token", "AUTH_ROLES_CLAIM,groups"})
    void emptyVariableIsNotSet(String variable, String fallback) throws IOException {
        assertThat(config(Map.of(variable, "")).getValue(SETTINGS.get(variable), String.class))
                .isEqualTo(fallback);
    }

    @ParameterizedTest
    @MethodSource("others")
    void otherSettingsAreExpandedAsEver(String value, String expanded) throws IOException {
        assertThat(config(Map.of("AUTH_SECRET", "a$$b", "other", value)).getValue("other", String.class))
                .isEqualTo(expanded);
    }

    static Stream<Arguments> others() {
        return Stream.of(
                Arguments.of("$$", "$"),
                Arguments.of("${none:x}", "x"),
                Arguments.of("<${AUTH_SECRET}>", "<a$$b>"),
                Arguments.of("${quarkus.http.port}", "8080"));
    }
}
