package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.http.stream.StreamedBody;
import consulting.lmx.conversation.security.Caller;
import io.quarkus.security.Authenticated;
import io.smallrye.mutiny.Uni;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The export of a whole conversation. An export that fails midway closes the connection. */
@Path(ConversationResource.PATH)
@Authenticated
@Limited
@Produces(MediaType.APPLICATION_JSON)
public class ExportResource {

    /** The most characters of an id in the file name. */
    private static final int FILE_NAME_LENGTH = 64;

    private final ExportService service;
    private final Caller caller;
    private final ReplyMemory memory;

    ExportResource(ExportService service, Caller caller, ReplyMemory memory) {
        this.service = service;
        this.caller = caller;
        this.memory = memory;
    }

    @GET
    @Path("/{conversationId}/export")
    @Operation(operationId = "exportConversation", summary = "The whole conversation as one JSON document, streamed")
    @APIResponse(
            responseCode = "200",
            description = "As the conversation itself, with all its messages",
            content = @Content(schema = @Schema(implementation = ConversationView.class)))
    public Uni<RestResponse<StreamedBody>> export(String conversationId) {
        return service.export(caller.id(), conversationId, memory.ofThisCall())
                .map(pieces -> ResponseBuilder.ok(new StreamedBody(pieces), MediaType.APPLICATION_JSON)
                        .header(
                                HttpHeaders.CONTENT_DISPOSITION,
                                "attachment; filename=\"" + fileName(conversationId) + "\"")
                        .build());
    }

    /** Replaces the characters of an id that some file systems reject. */
    private static String fileName(String conversationId) {
        String safe = conversationId.replaceAll("[^A-Za-z0-9_-]", "_");
        return "conversation-" + safe.substring(0, Math.min(safe.length(), FILE_NAME_LENGTH)) + ".json";
    }
}
