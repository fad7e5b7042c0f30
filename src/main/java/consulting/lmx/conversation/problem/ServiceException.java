package consulting.lmx.conversation.problem;

import java.util.Optional;

/** A failure that a caller is to hear of: its code says how it is answered, its message is shown as it is. */
public class ServiceException extends RuntimeException {

    private final ErrorCode code;
    private final transient Violation violation;

    public ServiceException(ErrorCode code, String detail) {
        this(code, detail, null);
    }

    private ServiceException(ErrorCode code, String detail, Violation violation) {
        super(detail);
        this.code = code;
        this.violation = violation;
    }

    /** A request of which one field breaks a rule. */
    public static ServiceException invalid(String field, String message) {
        return new ServiceException(ErrorCode.INVALID_REQUEST, field + " " + message, new Violation(field, message));
    }

    public ErrorCode code() {
        return code;
    }

    /** The field at fault, where it is one. */
    public Optional<Violation> violation() {
        return Optional.ofNullable(violation);
    }

    /** A rule that a field of the request breaks. */
    public record Violation(String field, String message) {}
}
