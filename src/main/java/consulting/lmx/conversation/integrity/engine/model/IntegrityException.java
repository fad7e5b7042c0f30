package consulting.lmx.conversation.integrity.engine.model;

/** A run that did not reach its end; the message says what stands in the way and what to do about it. */
public class IntegrityException extends RuntimeException {

    public IntegrityException(String message) {
        super(message);
    }
}
