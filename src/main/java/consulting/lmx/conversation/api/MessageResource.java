package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.store.AppendResult;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.store.MessageWindow;
import consulting.lmx.conversation.text.WellFormedText;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Request;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The routes of messages. */
@Path(ConversationResource.PATH)
@Authenticated
@Limited
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public class MessageResource {

    /** The longest id of a new conversation, in characters. */
    private static final int ID_LENGTH = 200;

    private final ConversationService conversations;
    private final MessageService service;
    private final Caller caller;
    private final LimitsConfig limits;
    private final ReplyMemory memory;

    MessageResource(
            ConversationService conversations,
            MessageService service,
            Caller caller,
            LimitsConfig limits,
            ReplyMemory memory) {
        this.conversations = conversations;
        this.service = service;
        this.caller = caller;
        this.limits = limits;
        this.memory = memory;
    }

    @POST
    @Path("/{conversationId}/message")
    @Operation(
            operationId = "sendMessage",
            summary = "Appends a message, and creates the conversation if it does not exist")
    public Uni<RestResponse<Sent>> message(
            @PathParam("conversationId") @WellFormedText(max = ID_LENGTH) String conversationId,
            @NotNull @Valid NewMessage request,
            @Context HttpHeaders headers) {
        return service.append(caller.id(), conversationId, List.of(request), position -> "", IdempotencyKey.of(headers))
                .map(appended -> response(appended, conversationId, Sent.of(conversationId, appended)));
    }

    @POST
    @Path("/{conversationId}/messages")
    @Operation(
            operationId = "sendMessages",
            summary = "Appends messages, all or none, and creates the conversation if it does not exist")
    public Uni<RestResponse<SentMessages>> messages(
            @PathParam("conversationId") @WellFormedText(max = ID_LENGTH) String conversationId,
            @NotNull @Valid NewMessages request,
            @Context HttpHeaders headers) {
        return service.append(
                        caller.id(), conversationId, request.messages(), NewMessage::inList, IdempotencyKey.of(headers))
                .map(appended -> response(appended, conversationId, SentMessages.of(conversationId, appended)));
    }

    private static <T> RestResponse<T> response(AppendResult appended, String conversationId, T body) {
        return appended.created()
                ? ResponseBuilder.<T>created(ConversationView.uri(conversationId))
                        .entity(body)
                        .build()
                : RestResponse.ok(body);
    }

    @GET
    @Path("/{conversationId}/messages")
    @Operation(
            operationId = "listMessages",
            summary = "Some messages of a conversation: the newest, those before an index, or those after one")
    public Uni<MessagePage> messages(
            String conversationId,
            @QueryParam("limit") @Min(1) @Max(ConversationResource.PAGE_SIZE) Integer limit,
            @QueryParam("before") @Min(0) Integer before,
            @QueryParam("after") @Min(-1) Integer after) {
        MessageWindow window = new MessageWindow(
                limit == null ? limits.pageSize() : limit, Optional.ofNullable(before), Optional.ofNullable(after));
        return conversations
                .messages(caller.id(), conversationId, window, memory.ofThisCall())
                .map(page -> new MessagePage(MessageView.of(page.messages(), page.first()), page.hasMore()));
    }

    @PATCH
    @Path("/{conversationId}/messages/{index}")
    @Consumes({ConversationResource.MERGE_PATCH, MediaType.APPLICATION_JSON})
    @Operation(
            operationId = "patchMessage",
            summary = "Changes the metadata of a message by a JSON merge patch (RFC 7396)",
            description = "The older messages of a long conversation cannot be changed.")
    public Uni<MessageView> patch(
            String conversationId, @PathParam("index") @Min(0) Integer index, @NotNull MessagePatch patch) {
        return service.patch(caller.id(), conversationId, index, patch.metadata(), memory.ofThisCall())
                .map(patched -> MessageView.of(patched, index));
    }

    @DELETE
    @Path("/{conversationId}/messages")
    @Operation(
            operationId = "truncateConversation",
            summary = "Removes a message and all after it",
            description = "The older messages of a long conversation cannot be removed.")
    public Uni<MessageService.Truncated> truncate(
            String conversationId,
            @QueryParam("from") @NotNull @Min(0) Integer from,
            @Context Request request,
            @Context HttpHeaders headers) {
        return service.truncate(
                caller.id(),
                conversationId,
                from,
                ConversationResource.precondition(request, headers),
                memory.ofThisCall());
    }

    /** The response to an append. */
    public record Sent(boolean success, String conversationId, String sessionId, MessageView message) {

        static Sent of(String conversationId, AppendResult appended) {
            return new Sent(
                    true,
                    conversationId,
                    appended.sessionId(),
                    MessageView.of(appended.messages().get(0), appended.first()));
        }
    }

    /** The response to an append of several messages. */
    public record SentMessages(boolean success, String conversationId, String sessionId, List<MessageView> messages) {

        static SentMessages of(String conversationId, AppendResult appended) {
            return new SentMessages(
                    true, conversationId, appended.sessionId(), MessageView.of(appended.messages(), appended.first()));
        }
    }
}
