package consulting.lmx.conversation.integrity;

/**
 * The process that holds the lease, as it describes itself.
 *
 * @param healed how many keys it has healed so far
 * @param remaining how many broken keys it has counted and not healed yet
 */
record LeaseHolder(String holder, String host, long fence, String step, long healed, long remaining) {}
