package consulting.lmx.conversation.problem;

import java.util.Optional;

/** A failure that the caller is told: its code decides the status, and its message becomes the detail of the problem. */
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

    /** A 400 for one field; the detail is {@code field} and {@code message}, separated by a space. */
    public static ServiceException invalid(String field, String message) {
        return new ServiceException(ErrorCode.INVALID_REQUEST, field + " " + message, new Violation(field, message));
    }

    public ErrorCode code() {
        return code;
    }

    /** The invalid field; empty if the failure is not about a field. */
    public Optional<Violation> violation() {
        return Optional.ofNullable(violation);
    }

    /** A field of the request that breaks a rule. */
    public record Violation(String field, String message) {}
}
