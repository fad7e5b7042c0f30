package consulting.lmx.conversation.integrity.engine.index;

import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/** The capabilities that the server lacks and the privileges that the user lacks. Each is logged once, at WARN. */
public final class Capabilities {

    private static final Logger LOG = Logger.getLogger(Capabilities.class);

    private final Set<String> missing = ConcurrentHashMap.newKeySet();
    private final Set<String> denied = ConcurrentHashMap.newKeySet();

    /** The server lacks {@code capability}, with this consequence. */
    public void lacks(String capability, String consequence) {
        if (missing.add(capability)) {
            LOG.warnf("event=capability-missing capability=\"%s\" consequence=\"%s\"", capability, consequence);
        }
    }

    /** The user of the connection lacks the privilege for {@code action}. */
    public void denied(String action) {
        if (denied.add(action)) {
            LOG.warnf("event=denied action=\"%s\": the run continues without it", action);
        }
    }

    /** The denied actions, in the server's names for privileges. */
    public Set<String> denied() {
        return new TreeSet<>(denied);
    }

    public Set<String> missing() {
        return Set.copyOf(missing);
    }
}
