package consulting.lmx.conversation.integrity.engine.index;

import org.jboss.logging.Logger;

/** The log of what is changed beside documents: a command shows it, so that nobody is surprised by what it did. */
final class Changes {

    static final Logger LOG = Logger.getLogger("consulting.lmx.conversation.changes");

    private Changes() {}
}
