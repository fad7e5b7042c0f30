package consulting.lmx.conversation.integrity.engine.model;

/**
 * The process that holds the lease, as it describes itself.
 *
 * @param healed how many keys it has healed so far
 * @param remaining how many broken keys it has counted and not healed yet
 */
public record LeaseHolder(String holder, String host, long fence, String step, long healed, long remaining) {}
