package consulting.lmx.conversation.store;

/** The service rejected a write of a conversation without one of its ids before it reached the database. */
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
