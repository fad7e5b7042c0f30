package consulting.lmx.conversation.store;

import consulting.lmx.conversation.text.Text;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.arc.Arc;
import io.quarkus.arc.ArcContainer;
import java.util.UUID;

/** The rule for a {@code sessionId}: any string that is not blank. New ones are random UUIDs (version 4) in canonical text. */
public final class SessionId {

    private SessionId() {}

    /** Generates a {@code sessionId} of 36 lower-case characters. */
    public static String random() {
        return UUID.randomUUID().toString();
    }

    /** Whether {@code sessionId} may be stored. */
    public static boolean isValid(String sessionId) {
        return !Text.isBlank(sessionId);
    }

    /** Counts a {@code sessionId} that {@code layer} generated because the layers above it had not. */
    static void countGenerated(String layer) {
        ArcContainer container = Arc.container();
        if (container != null) {
            container
                    .instance(MeterRegistry.class)
                    .get()
                    .counter("conversations.session.id.generated", "layer", layer)
                    .increment();
        }
    }
}
