package consulting.lmx.conversation.integrity.engine.model;

/** A run failed and needs an operator: the message names the obstacle and the remedy. */
public class IntegrityException extends RuntimeException {

    public IntegrityException(String message) {
        super(message);
    }
}
