package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** The route from a session to its conversation. */
@Path("/api/session")
@Authenticated
@Limited
@Produces(MediaType.APPLICATION_JSON)
public class SessionResource {

    private final ConversationService service;
    private final Caller caller;
    private final ReplyMemory memory;

    SessionResource(ConversationService service, Caller caller, ReplyMemory memory) {
        this.service = service;
        this.caller = caller;
        this.memory = memory;
    }

    @GET
    @Path("/{sessionId}")
    @Operation(operationId = "getConversationOfSession", summary = "The conversation of a session")
    public Uni<ConversationView> get(String sessionId) {
        return service.ofSession(caller.id(), sessionId, memory.ofThisCall()).map(ConversationView::of);
    }
}
