package consulting.lmx.conversation.integrity.engine.index;

import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/** What the server was found to lack, and what it does not let us do; each said once. */
public final class Capabilities {

    private static final Logger LOG = Logger.getLogger(Capabilities.class);

    private final Set<String> missing = ConcurrentHashMap.newKeySet();
    private final Set<String> denied = ConcurrentHashMap.newKeySet();

    /** Notes that the server lacks {@code capability}, and says at WARN, the first time, what that means. */
    public void lacks(String capability, String consequence) {
        if (missing.add(capability)) {
            LOG.warnf("event=capability-missing capability=\"%s\" consequence=\"%s\"", capability, consequence);
        }
    }

    /** Notes that the user of the connection may not do {@code action}, and says so at WARN the first time. */
    public void denied(String action) {
        if (denied.add(action)) {
            LOG.warnf("event=denied action=\"%s\": the rest is done without it", action);
        }
    }

    /** What the user would need, in the server's own words for privileges; empty where nothing was denied. */
    public Set<String> denied() {
        return new TreeSet<>(denied);
    }

    public Set<String> missing() {
        return Set.copyOf(missing);
    }
}
