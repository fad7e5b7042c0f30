package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.http.stream.Event;
import consulting.lmx.conversation.http.stream.EventStreams;
import consulting.lmx.conversation.http.stream.StreamedBody;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.validation.constraints.Min;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.RestResponse;

/** The live events of a conversation. */
@Path(ConversationResource.PATH)
@Authenticated
@Limited
public class EventsResource {

    private static final String LAST_EVENT_ID = "Last-Event-ID";

    private final MessageFeed feed;
    private final EventStreams streams;
    private final Caller caller;

    EventsResource(MessageFeed feed, EventStreams streams, Caller caller) {
        this.feed = feed;
        this.streams = streams;
        this.caller = caller;
    }

    @GET
    @Path("/{conversationId}/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @APIResponse(
            responseCode = "200",
            content = @Content(mediaType = MediaType.SERVER_SENT_EVENTS, schema = @Schema(ref = "MessageEvent")))
    @Operation(
            operationId = "followConversation",
            summary = "Each new message as a server-sent event, whichever replica received it",
            description =
                    "The event `message` carries a message; its id is the message's index. After a lost connection,"
                            + " `Last-Event-ID` resumes after the last received message; `after` does so for a first connection. Without"
                            + " either, the stream has new messages only. The event `deleted` is the last one of a conversation. The"
                            + " stream ends when the token expires.")
    public Uni<RestResponse<StreamedBody>> events(
            String conversationId, @Context HttpHeaders headers, @QueryParam("after") @Min(-1) Integer after) {
        Optional<Integer> seen = lastEvent(headers).or(() -> Optional.ofNullable(after));
        return streams.open(
                caller,
                feed.follow(caller.id(), conversationId, seen).map(messages -> messages.map(EventsResource::event)));
    }

    private static Event event(Optional<MessageView> message) {
        return message.map(m -> new Event("message", Optional.of(String.valueOf(m.index())), m))
                .orElseGet(() -> new Event("deleted", Optional.empty(), Map.of()));
    }

    private static Optional<Integer> lastEvent(HttpHeaders headers) {
        List<String> ids = headers.getRequestHeader(LAST_EVENT_ID);
        if (ids.isEmpty()) {
            return Optional.empty();
        }
        try {
            int index = Integer.parseInt(ids.get(0));
            if (index >= 0 && ids.size() == 1) {
                return Optional.of(index);
            }
        } catch (NumberFormatException e) {
            // reported below
        }
        throw ServiceException.invalid(LAST_EVENT_ID, "is not the id of an event of a conversation");
    }
}
