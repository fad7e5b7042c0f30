package consulting.lmx.conversation.problem;

import java.util.Arrays;
import java.util.Locale;

/**
 * The errors that the service reports to callers, with status, title and description. The name in kebab-case is the stable
 * {@code code} of a problem. Of those with one status, the first also stands for what the framework rejects with it.
 */
public enum ErrorCode {
    INVALID_REQUEST(
            400,
            "Bad Request",
            "The request is malformed or breaks a limit, and changed nothing. If fields are the reason, violations lists"
                    + " them. Correct the request."),
    UNAUTHORIZED(
            401,
            "Unauthorized",
            "The token is missing, expired or invalid. Send a valid one as a bearer or in the cookie."),
    FORBIDDEN(403, "Forbidden", "The token lacks the role that this route requires."),
    CROSS_SITE(
            403,
            "Forbidden",
            "A browser sent this write with the cookie from a page of another origin. Name the origin in ALLOWED_ORIGINS,"
                    + " or send the token as a bearer."),
    NO_SUCH_PATH(404, "Not Found", "The service has no such path."),
    CONVERSATION_NOT_FOUND(
            404,
            "Not Found",
            "There is no conversation of this id, or it belongs to another user. Both look the same."),
    MESSAGE_NOT_FOUND(404, "Not Found", "The conversation has no message of this index."),
    METHOD_NOT_ALLOWED(
            405,
            "Method Not Allowed",
            "The path exists, but not with this method. The header Allow lists its methods."),
    NOT_ACCEPTABLE(406, "Not Acceptable", "The header Accept names no type that this route returns."),
    REQUEST_TIMEOUT(408, "Request Timeout", "The body did not arrive in time. The service closed the connection."),
    CONFLICT(
            409,
            "Conflict",
            "Concurrent changes prevented the write, or the stored document does not accept it. It changed nothing. Read"
                    + " the conversation, then try again."),
    MESSAGES_IMMUTABLE(
            409,
            "Conflict",
            "The service has offloaded this message, because it is one of the older ones of a long conversation. Offloaded"
                    + " messages cannot be changed or removed. Append to the conversation, or start another one."),
    MESSAGES_LOST(
            410,
            "Gone",
            "The database lost the messages of this page, because a backup was restored without the collection"
                    + " conversation_blocks. Other pages work. Restore that collection too."),
    PRECONDITION_FAILED(
            412,
            "Precondition Failed",
            "The conversation changed since the state that If-Match names. Read it again, then decide again."),
    BODY_TOO_LARGE(413, "Content Too Large", "The body exceeds conversations.limits.body-size. Send less."),
    UNSUPPORTED_BODY(
            415,
            "Unsupported Media Type",
            "The route does not accept this Content-Type or Content-Encoding. Send JSON."),
    KEY_REUSED(
            422,
            "Unprocessable Content",
            "The Idempotency-Key was used with another request before. Use a new key for a new request."),
    TOO_MANY_LISTENERS(
            429, "Too Many Requests", "You have the maximum number of event streams open. Close one, then try again."),
    INTERNAL(
            500,
            "Internal Server Error",
            "The service failed. Report the errorId to its operator, whose log has the cause under it."),
    DATABASE_UNAVAILABLE(
            503,
            "Service Unavailable",
            "The database is not available, or did not answer in time. A write may have succeeded: retry it after"
                    + " Retry-After seconds with the same Idempotency-Key."),
    KEYS_UNAVAILABLE(
            503,
            "Service Unavailable",
            "The service cannot read the keys that verify tokens (AUTH_JWKS_URL). Retry after Retry-After seconds."),
    OVERLOADED(
            503,
            "Service Unavailable",
            "The service has more requests than it can hold in memory, and rejected this one before it changed anything."
                    + " Retry after Retry-After seconds."),
    NOT_READY(
            503,
            "Service Unavailable",
            "The service is checking or repairing the stored conversations, and reads and writes nothing until then. Retry"
                    + " after Retry-After seconds.");

    private final int status;
    private final String title;
    private final String description;

    ErrorCode(int status, String title, String description) {
        this.status = status;
        this.title = title;
        this.description = description;
    }

    /** The code of a failure that only has an HTTP status. */
    static ErrorCode ofStatus(int status) {
        return Arrays.stream(values())
                .filter(code -> code.status == status)
                .findFirst()
                .orElse(status < 500 ? INVALID_REQUEST : INTERNAL);
    }

    /** The HTTP status, 400 to 599. */
    public int status() {
        return status;
    }

    /** The title of problems with this code. */
    public String title() {
        return title;
    }

    /** What happened and what to do about it. */
    String description() {
        return description;
    }

    /** The stable name, in kebab-case. */
    public String code() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The problem type: a URI reference to the description in {@link ProblemTypesResource}. */
    String type() {
        return ProblemTypesResource.PATH + "#" + code();
    }
}
