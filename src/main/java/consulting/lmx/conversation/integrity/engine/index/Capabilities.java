package consulting.lmx.conversation.integrity.engine.index;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/** The capabilities that the server lacks. Each is logged once, at WARN. */
public final class Capabilities {

    private static final Logger LOG = Logger.getLogger(Capabilities.class);

    private final Set<String> missing = ConcurrentHashMap.newKeySet();

    /** The server lacks {@code capability}, with this consequence. */
    public void lacks(String capability, String consequence) {
        if (missing.add(capability)) {
            LOG.warnf("event=capability-missing capability=\"%s\" consequence=\"%s\"", capability, consequence);
        }
    }

    public Set<String> missing() {
        return Set.copyOf(missing);
    }
}
