package consulting.lmx.conversation.http;

/**
 * Priorities of the filters that run before the routes, in the order of execution: a higher priority runs earlier. Quarkus adds
 * the security headers before all of them, CORS at 300, and authenticates at 200.
 */
public final class FilterOrder {

    /** First, because it only adds a header when the response begins. */
    static final int ALLOW_HEADER = 1000;

    /** Before every filter that reads the path or that may leave the connection open for the next request. */
    static final int REQUEST_SYNTAX = 950;

    /** Before everything that costs more than a comparison of the path. */
    static final int CONSOLE = 900;

    /** After CORS, so that a browser can read the 503, and before the token or the body is read. */
    public static final int INTEGRITY_GATE = 250;

    /** After the gate: a closed gate is not an overload. */
    static final int ADMISSION = 245;

    /** After admission, because it may wait for memory. */
    static final int PUBLIC_REPLIES = 242;

    /** Last, and before authentication: an oversized body needs no token check. */
    static final int BODY_HEADERS = 240;

    private FilterOrder() {}
}
