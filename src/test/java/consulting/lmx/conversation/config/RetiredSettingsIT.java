package consulting.lmx.conversation.config;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.Service;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class RetiredSettingsIT {

    @Test
    void serviceStartsWithRetiredSettingsAndWarnsOfEach() throws Exception {
        Map<String, String> settings = new HashMap<>(Service.settings("retired-settings"));
        settings.put("CONVERSATIONS_EVENTS_STREAMS", "100");
        settings.put("CONVERSATIONS_LIMITS_TITLE_LENGTH", "100");
        try (Service service = Service.start(settings)) {
            Awaitility.await()
                    .atMost(Duration.ofMinutes(1))
                    .untilAsserted(() -> assertThat(service.log())
                            .contains(
                                    "event=setting-renamed conversations.events.streams is now called"
                                            + " conversations.events.max-streams",
                                    "event=setting-ignored conversations.limits.title-length has no effect"));
        }
    }
}
