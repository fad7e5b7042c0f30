package consulting.lmx.conversation.api;

import consulting.lmx.conversation.api.ConversationResource.Sent;
import consulting.lmx.conversation.api.ConversationResource.Started;
import consulting.lmx.conversation.store.AppendResult;
import consulting.lmx.conversation.store.Conversation;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.SessionId;
import consulting.lmx.conversation.store.StoredConversation;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotNull;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.EntityTag;
import jakarta.ws.rs.core.MediaType;
import java.net.URI;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/**
 * The routes of a conversation without their work: each verifies the token, reads the body, and returns a constant answer of
 * the same size as the real one. {@code benchmarks/run} packages it with the service.
 */
@Path("/api/constant")
@Authenticated
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
public class ConstantResource {

    private static final Conversation CONVERSATION =
            new Conversation(UUID.randomUUID().toString(), SessionId.random(), "caller");
    private static final URI LOCATION = URI.create(ConversationResource.PATH + "/" + CONVERSATION.conversationId);
    private static final Started STARTED = Started.of(page(List.of()));
    private static final Message MESSAGE =
            new Message("user", "How do I reset my password, please?", CONVERSATION.createdAt);
    private static final Sent SENT =
            Sent.of(CONVERSATION.conversationId, new AppendResult(false, false, CONVERSATION.sessionId, MESSAGE, 1));

    /** Contains the one message with which the load starts each conversation. */
    private static final Page PAGE =
            page(List.of(new Message("assistant", "Hello, how can I help?", CONVERSATION.createdAt)));

    private static final EntityTag TAG = ETag.of(PAGE);
    private static final ConversationView VIEW = ConversationView.of(PAGE);

    private static Page page(List<Message> messages) {
        Conversation conversation =
                new Conversation(CONVERSATION.conversationId, CONVERSATION.sessionId, CONVERSATION.userId);
        conversation.messages = messages;
        return new Page(StoredConversation.of(conversation), 0, messages, false);
    }

    @POST
    @Path("/start")
    public Uni<RestResponse<Started>> start(@Valid @RequestBody(required = false) NewConversation request) {
        return Uni.createFrom()
                .item(() -> ResponseBuilder.<Started>created(LOCATION)
                        .entity(STARTED)
                        .build());
    }

    @POST
    @Path("/{conversationId}/message")
    public Uni<RestResponse<Sent>> message(String conversationId, @NotNull @Valid NewMessage request) {
        return Uni.createFrom().item(() -> RestResponse.ok(SENT));
    }

    @GET
    @Path("/{conversationId}")
    public Uni<RestResponse<ConversationView>> get(String conversationId) {
        return Uni.createFrom().item(() -> ResponseBuilder.ok(VIEW).tag(TAG).build());
    }
}
