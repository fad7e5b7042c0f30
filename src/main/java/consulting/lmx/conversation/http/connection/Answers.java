package consulting.lmx.conversation.http.connection;

import io.vertx.ext.web.RoutingContext;

/** Tells when a request no longer makes the process hold what was read or made for it. */
public final class Answers {

    private Answers() {}

    /**
     * Calls {@code then} once the answer is on its way to the client, or the client is gone. The end handlers of Vert.x run
     * before that, if another thread than the connection's makes the answer.
     */
    public static void whenSent(RoutingContext request, Runnable then) {
        Connection.of(request.request())
                .ifPresentOrElse(
                        connection -> connection.whenAnswered(then), () -> request.addEndHandler(ended -> then.run()));
    }
}
