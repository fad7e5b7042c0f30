package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.HeldMemory;
import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import jakarta.enterprise.context.ApplicationScoped;

/** The memory of a call's reply: reserved before the read, released when the reply is sent. */
@ApplicationScoped
class ReplyMemory {

    private final MemoryBudget budget;
    private final Caller caller;
    private final CurrentVertxRequest request;

    ReplyMemory(MemoryBudget budget, Caller caller, CurrentVertxRequest request) {
        this.budget = budget;
        this.caller = caller;
        this.request = request;
    }

    /** Returns the memory of the current call. */
    HeldMemory ofThisCall() {
        HeldMemory memory = new HeldMemory(budget, caller.id());
        Connection.whenAnswered(request.getCurrent(), memory::close);
        return memory;
    }
}
