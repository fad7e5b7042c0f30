package consulting.lmx.conversation.api.events;

import consulting.lmx.conversation.api.ConversationResource;
import consulting.lmx.conversation.api.events.MessageFeed.Added;
import consulting.lmx.conversation.api.events.MessageFeed.Change;
import consulting.lmx.conversation.api.events.MessageFeed.Truncated;
import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.http.stream.Event;
import consulting.lmx.conversation.http.stream.EventStreams;
import consulting.lmx.conversation.http.stream.StreamedBody;
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
            description = "The event `message` carries a message. After a lost connection,"
                    + " `Last-Event-ID` resumes after the last received message; `after` does so for a first connection. Without"
                    + " either, the stream has new messages only. The event `truncated` with `from` says that"
                    + " the message of this index and all after it were removed; messages that follow reuse the indexes. The"
                    + " event `deleted` is the last one of a conversation. The"
                    + " stream ends when the token expires.")
    public Uni<RestResponse<StreamedBody>> events(
            String conversationId, @Context HttpHeaders headers, @QueryParam("after") @Min(-1) Integer after) {
        Optional<EventId> last = lastEvent(headers)
                .or(() -> Optional.ofNullable(after).map(index -> new EventId(EventId.CURRENT, index)));
        return streams.open(
                caller,
                feed.follow(caller.id(), conversationId, last).map(changes -> changes.map(EventsResource::event)));
    }

    private static Event event(Change change) {
        if (change instanceof Added added) {
            return new Event("message", Optional.of(added.id().toString()), added.message());
        }
        if (change instanceof Truncated truncated) {
            return new Event("truncated", Optional.of(truncated.id().toString()), Map.of("from", truncated.from()));
        }
        return new Event("deleted", Optional.empty(), Map.of());
    }

    private static Optional<EventId> lastEvent(HttpHeaders headers) {
        List<String> ids = headers.getRequestHeader(LAST_EVENT_ID);
        if (ids.size() > 1) {
            throw EventId.unknown(LAST_EVENT_ID);
        }
        return ids.stream().findFirst().map(id -> EventId.parse(id, LAST_EVENT_ID));
    }
}
