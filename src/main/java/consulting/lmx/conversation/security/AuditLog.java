package consulting.lmx.conversation.security;

import consulting.lmx.conversation.text.Text;
import org.jboss.logging.Logger;

/**
 * The log category {@code audit}: who deleted, exported or healed what. It has IDs and counts, never content. Values that
 * callers choose are in quotes and on one line, so that nobody can forge an entry.
 */
public final class AuditLog {

    private static final Logger LOG = Logger.getLogger("audit");

    /** The caller of a command. */
    private static final String OPERATOR = "operator";

    private AuditLog() {}

    /** A caller deleted one conversation. */
    public static void deletion(String caller, String conversationId) {
        LOG.infof("event=audit-deletion who=%s conversation=%s count=1", quoted(caller), quoted(conversationId));
    }

    /** A caller deleted the newest messages of a conversation, from this index on. */
    public static void truncation(String caller, String conversationId, int from, int messages) {
        LOG.infof(
                "event=audit-truncation who=%s conversation=%s from=%d count=%d",
                quoted(caller), quoted(conversationId), from, messages);
    }

    /** A caller deleted all of their conversations. */
    public static void deletionOfAll(String caller, long conversations) {
        LOG.infof("event=audit-deletion-of-all who=%s count=%d", quoted(caller), conversations);
    }

    /** A caller starts the export of a conversation with this number of messages. */
    public static void export(String caller, String conversationId, long messages) {
        LOG.infof(
                "event=audit-export who=%s conversation=%s count=%d", quoted(caller), quoted(conversationId), messages);
    }

    /** A caller with the role {@code admin} looked up an id, and found this number of conversations. */
    public static void lookUp(String caller, String id, int conversations) {
        LOG.infof("event=audit-look-up who=%s id=%s count=%d", quoted(caller), quoted(id), conversations);
    }

    /** A caller with the role {@code admin} started a heal. */
    public static void heal(String caller, String run, boolean dryRun) {
        LOG.infof("event=audit-heal who=%s run=%s dry-run=%s", quoted(caller), run, dryRun);
    }

    /** A command deleted all data of one user. */
    public static void erasure(String user, long conversations, long blocks) {
        LOG.infof(
                "event=audit-erasure who=%s user=%s count=%d blocks=%d",
                quoted(OPERATOR), quoted(user), conversations, blocks);
    }

    private static String quoted(String text) {
        return Text.quoted(text);
    }
}
