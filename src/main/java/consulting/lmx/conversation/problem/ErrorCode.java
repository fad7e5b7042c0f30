package consulting.lmx.conversation.problem;

/** The errors that the service reports to callers, with status and title. */
public enum ErrorCode {
    INVALID_REQUEST(400, "Bad Request"),
    UNAUTHORIZED(401, "Unauthorized"),
    CROSS_SITE(403, "Forbidden"),
    CONVERSATION_NOT_FOUND(404, "Not Found"),
    NO_SUCH_PATH(404, "Not Found"),
    REQUEST_TIMEOUT(408, "Request Timeout"),
    CONFLICT(409, "Conflict"),
    /** Offloaded messages of a conversation are missing in the database. */
    MESSAGES_LOST(410, "Gone"),
    PRECONDITION_FAILED(412, "Precondition Failed"),
    BODY_TOO_LARGE(413, "Content Too Large"),
    UNSUPPORTED_BODY(415, "Unsupported Media Type"),
    KEY_REUSED(422, "Unprocessable Content"),
    TOO_MANY_LISTENERS(429, "Too Many Requests"),
    DATABASE_UNAVAILABLE(503, "Service Unavailable"),
    KEYS_UNAVAILABLE(503, "Service Unavailable"),
    OVERLOADED(503, "Service Unavailable"),
    NOT_READY(503, "Service Unavailable"),
    INTERNAL(500, "Internal Server Error");

    private final int status;
    private final String title;

    ErrorCode(int status, String title) {
        this.status = status;
        this.title = title;
    }

    /** The HTTP status, 400 to 599. */
    public int status() {
        return status;
    }

    /** The title of problems with this code. */
    public String title() {
        return title;
    }
}
