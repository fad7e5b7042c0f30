package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.http.connection.Connection;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.store.MessageReader.Memory;
import io.quarkus.vertx.http.runtime.CurrentVertxRequest;
import jakarta.enterprise.context.ApplicationScoped;

/** The memory that the reply of a call takes: reserved before it is read, given back when the reply is sent. */
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

    /** The memory of the call that this is called from. */
    Memory ofThisCall() {
        HeldMemory memory = new HeldMemory(budget, caller.id());
        Connection.whenAnswered(request.getCurrent(), memory::close);
        return memory;
    }
}
