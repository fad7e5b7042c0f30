package consulting.lmx.conversation.integrity;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/** What the server was found to lack, each said once. */
final class Capabilities {

    private static final Logger LOG = Logger.getLogger(Capabilities.class);

    private final Set<String> missing = ConcurrentHashMap.newKeySet();

    /** Notes that the server lacks {@code capability}, and says at WARN, the first time, what that means. */
    void lacks(String capability, String consequence) {
        if (missing.add(capability)) {
            LOG.warnf("event=capability-missing capability=\"%s\" consequence=\"%s\"", capability, consequence);
        }
    }

    Set<String> missing() {
        return Set.copyOf(missing);
    }
}
