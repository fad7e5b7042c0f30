package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.store.MessageReader.Page;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Pattern;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.EntityTag;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Request;
import jakarta.ws.rs.core.Response;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponseSchema;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The routes of conversations. */
@Path(ConversationResource.PATH)
@Authenticated
@Limited
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public class ConversationResource {

    public static final String PATH = "/api/conversation";

    static final String MERGE_PATCH = "application/merge-patch+json";

    /** The largest page that a caller may request. */
    static final int PAGE_SIZE = 100;

    private final ConversationService service;
    private final Caller caller;
    private final LimitsConfig limits;
    private final ReplyMemory memory;

    ConversationResource(ConversationService service, Caller caller, LimitsConfig limits, ReplyMemory memory) {
        this.service = service;
        this.caller = caller;
        this.limits = limits;
        this.memory = memory;
    }

    @POST
    @Path("/start")
    @APIResponseSchema(value = Started.class, responseCode = "201")
    @Operation(operationId = "startConversation", summary = "Starts a conversation with an id and a session of its own")
    public Uni<RestResponse<Started>> start(
            @Valid @RequestBody(required = false) NewConversation request, @Context HttpHeaders headers) {
        return service.start(
                        caller.id(),
                        request == null ? NewConversation.EMPTY : request,
                        IdempotencyKey.of(headers),
                        memory.ofThisCall())
                .map(page -> ResponseBuilder.<Started>created(
                                ConversationView.uri(page.conversation().conversationId()))
                        .entity(Started.of(page))
                        .build());
    }

    @GET
    @Path("/{conversationId}")
    @Operation(operationId = "getConversation", summary = "One conversation with its newest messages")
    public Uni<RestResponse<ConversationView>> get(String conversationId, @Context Request request) {
        return service.get(caller.id(), conversationId, memory.ofThisCall()).map(page -> {
            EntityTag tag = ETag.of(page);
            Response.ResponseBuilder unmet = request.evaluatePreconditions(tag);
            if (unmet == null) {
                return view(page);
            }
            if (unmet.build().getStatus() != Response.Status.NOT_MODIFIED.getStatusCode()) {
                throw preconditionFailed();
            }
            return ResponseBuilder.<ConversationView>notModified(tag).build();
        });
    }

    @PATCH
    @Path("/{conversationId}")
    @Consumes({MERGE_PATCH, MediaType.APPLICATION_JSON})
    @Operation(
            operationId = "patchConversation",
            summary = "Changes title, metadata and archived by a JSON merge patch (RFC 7396)")
    public Uni<RestResponse<ConversationView>> patch(
            String conversationId,
            @NotNull ConversationPatch patch,
            @Context Request request,
            @Context HttpHeaders headers) {
        return service.patch(
                        caller.id(),
                        conversationId,
                        patch.changes(),
                        precondition(request, headers),
                        memory.ofThisCall())
                .map(ConversationResource::view);
    }

    /** Requires the current state to match the caller's {@code If-Match}; empty if the call has no such condition. */
    static Optional<Consumer<Page>> precondition(Request request, HttpHeaders headers) {
        boolean conditional = Stream.of(
                        HttpHeaders.IF_MATCH,
                        HttpHeaders.IF_NONE_MATCH,
                        HttpHeaders.IF_MODIFIED_SINCE,
                        HttpHeaders.IF_UNMODIFIED_SINCE)
                .anyMatch(header -> headers.getHeaderString(header) != null);
        return conditional ? Optional.of(read -> requireMatch(request, read)) : Optional.empty();
    }

    private static void requireMatch(Request request, Page read) {
        if (request.evaluatePreconditions(ETag.of(read)) != null) {
            throw preconditionFailed();
        }
    }

    private static ServiceException preconditionFailed() {
        return new ServiceException(
                ErrorCode.PRECONDITION_FAILED,
                "The conversation changed since the state that If-Match names. Read it again before you change it.");
    }

    private static RestResponse<ConversationView> view(Page page) {
        return ResponseBuilder.ok(ConversationView.of(page)).tag(ETag.of(page)).build();
    }

    @GET
    @Operation(
            operationId = "listConversations",
            summary = "The caller's conversations, newest first, each with its newest message")
    public Uni<ConversationPage> list(
            @QueryParam("limit") @Min(1) @Max(PAGE_SIZE) Integer limit,
            @QueryParam("archived")
                    @Pattern(regexp = "true|false", message = "must be true or false")
                    @Schema(type = SchemaType.BOOLEAN)
                    String archived,
            @QueryParam("after") String after) {
        int size = limit == null ? limits.pageSize() : limit;
        return service.list(
                        caller.id(),
                        size,
                        Optional.ofNullable(archived).map(Boolean::valueOf),
                        Optional.ofNullable(after).map(Cursor::decode),
                        memory.ofThisCall())
                .map(found -> ConversationPage.of(found, size));
    }

    @DELETE
    @Operation(operationId = "deleteConversations", summary = "Deletes all conversations of the caller")
    public Uni<Deleted> deleteAll(
            @QueryParam("confirm")
                    @NotNull
                    @Pattern(regexp = "all", message = "must be all")
                    @Schema(enumeration = "all")
                    String confirm) {
        return service.deleteAll(caller.id()).map(Deleted::new);
    }

    @DELETE
    @Path("/{conversationId}")
    @Operation(operationId = "deleteConversation", summary = "Deletes one conversation")
    public Uni<Void> delete(String conversationId) {
        return service.delete(caller.id(), conversationId);
    }

    /** The number of deleted conversations. */
    public record Deleted(long deleted) {}

    /** The response to a start. */
    public record Started(boolean success, String conversationId, String sessionId, ConversationView conversation) {

        static Started of(Page page) {
            return new Started(
                    true,
                    page.conversation().conversationId(),
                    page.conversation().sessionId(),
                    ConversationView.of(page));
        }
    }
}
