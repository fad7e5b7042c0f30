package consulting.lmx.conversation.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfig;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RetiredSettingsTest {

    private static final String OLD = "conversations.events.streams";
    private static final String NEW = "conversations.events.max-streams";

    private static SmallRyeConfig config(Map<String, String> file, Map<String, String> environment) {
        return new SmallRyeConfigBuilder()
                .addDefaultInterceptors()
                .withDefaultValue(NEW, "1")
                .withSources(
                        new PropertiesConfigSource(file, "file", 250),
                        new PropertiesConfigSource(environment, "environment", 300))
                .withCustomizers(new SettingsCheck())
                .build();
    }

    @Test
    void settingIsReadByItsOldName() {
        SmallRyeConfig config = config(Map.of(OLD, "7"), Map.of());
        assertThat(config.getValue(NEW, String.class)).isEqualTo("7");
    }

    @Test
    void sourceOfHigherOrdinalWinsWhicheverNameItUses() {
        assertThat(config(Map.of(OLD, "7"), Map.of(NEW, "8")).getValue(NEW, String.class))
                .isEqualTo("8");
        assertThat(config(Map.of(NEW, "8"), Map.of(OLD, "7")).getValue(NEW, String.class))
                .isEqualTo("7");
        assertThat(config(Map.of(OLD, "7", NEW, "8"), Map.of()).getValue(NEW, String.class))
                .isEqualTo("8");
    }

    @Test
    void retiredNamesAreNotListedAsUnknownSettings() {
        SmallRyeConfig config = config(
                Map.of(OLD, "7", "conversations.limits.title-length", "9", "conversations.retention", "P1D"), Map.of());
        List<String> names = new ArrayList<>();
        config.getPropertyNames().forEach(names::add);
        assertThat(names).contains("conversations.retention").doesNotContain(OLD, "conversations.limits.title-length");
    }

    @Test
    void retiredVariablesOfTheEnvironmentAreAccepted() {
        List<String> wrong = new ArrayList<>();
        EnvironmentCheck.check(
                List.of(
                        "CONVERSATIONS_EVENTS_STREAMS",
                        "CONVERSATIONS_LIMITS_TITLE_LENGTH",
                        "CONVERSATIONS_LIMITS_TITLE"),
                wrong::add);
        assertThat(wrong).singleElement().asString().startsWith("CONVERSATIONS_LIMITS_TITLE ");
    }
}
