package consulting.lmx.conversation.integrity.engine.model;

/** What the database does with a write that breaks the invariant. */
public enum ValidatorMode {
    /** It rejects the write. */
    ENFORCE,
    /** It accepts the write and logs it. */
    WARN,
    /** There is no validator. */
    OFF
}
