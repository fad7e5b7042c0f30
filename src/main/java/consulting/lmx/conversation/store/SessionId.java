package consulting.lmx.conversation.store;

import consulting.lmx.conversation.text.Text;
import io.micrometer.core.instrument.Metrics;
import java.util.UUID;

/** The rule of a {@code sessionId}: any string that is not blank; new ones are random UUIDs (version 4) in canonical text. */
public final class SessionId {

    private SessionId() {}

    /** A new one, 36 characters of canonical lower-case text. */
    public static String random() {
        return UUID.randomUUID().toString();
    }

    /** Whether {@code sessionId} may be stored. */
    public static boolean isValid(String sessionId) {
        return !Text.isBlank(sessionId);
    }

    /** Counts that {@code layer} had to make one that the layers above it should have brought. */
    static void countGenerated(String layer) {
        Metrics.counter("conversations.session.id.generated", "layer", layer).increment();
    }
}
