package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.security.Roles;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.StoredConversation;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.constraints.NotBlank;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** What the role {@code admin} sees of the conversations of all users: who owns one and when it changed, never its content. */
@Path("/api/admin/conversations")
@RolesAllowed(Roles.ADMIN)
@Limited
@Produces(MediaType.APPLICATION_JSON)
public class AdminResource {

    private final Conversations conversations;
    private final Caller caller;

    AdminResource(Conversations conversations, Caller caller) {
        this.conversations = conversations;
        this.caller = caller;
    }

    @GET
    @Operation(
            operationId = "findConversations",
            summary = "The conversations of all users with this conversationId or sessionId",
            description =
                    "Requires the role `admin`. At most two. The response has no title, metadata or messages. The audit log"
                            + " records the call.")
    public Uni<FoundConversations> find(@QueryParam("id") @NotBlank String id) {
        return conversations
                .withId(id)
                .invoke(found -> AuditLog.lookUp(caller.id(), id, found.size()))
                .map(found -> new FoundConversations(
                        found.stream().map(FoundConversation::of).toList()));
    }

    /** The result, empty if no conversation has the id. */
    public record FoundConversations(List<FoundConversation> data) {}

    /**
     * A conversation of any user.
     *
     * @param messageCount the number of all messages
     * @param sessionIdRepair the heal's record of the sessionId; missing if it repaired nothing
     * @param conversationIdRepair the heal's record of the conversationId; missing if it repaired nothing
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record FoundConversation(
            String conversationId,
            String sessionId,
            String userId,
            boolean archived,
            int messageCount,
            RepairView sessionIdRepair,
            RepairView conversationIdRepair,
            Instant createdAt,
            Instant updatedAt) {

        private static FoundConversation of(StoredConversation found) {
            return new FoundConversation(
                    found.conversationId(),
                    found.sessionId(),
                    found.userId(),
                    found.archived(),
                    found.messageCount(),
                    RepairView.of(found, ConversationFields.SESSION_ID_REPAIR),
                    RepairView.of(found, ConversationFields.CONVERSATION_ID_REPAIR),
                    found.createdAt(),
                    found.updatedAt());
        }
    }
}
