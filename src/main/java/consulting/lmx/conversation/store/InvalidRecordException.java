package consulting.lmx.conversation.store;

/** A write that would have stored a conversation without one of its ids; it was refused before it was sent. */
public class InvalidRecordException extends IllegalArgumentException {

    private final String field;

    InvalidRecordException(String field) {
        this(field, "is missing or blank");
    }

    InvalidRecordException(String field, String problem) {
        super("A conversation cannot be stored: its " + field + " " + problem);
        this.field = field;
    }

    /** The field at fault, by its stored name. */
    public String field() {
        return field;
    }
}
