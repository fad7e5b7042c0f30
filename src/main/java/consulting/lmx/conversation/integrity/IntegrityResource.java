package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.http.stream.Event;
import consulting.lmx.conversation.http.stream.EventStreams;
import consulting.lmx.conversation.http.stream.StreamedBody;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.security.Roles;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.constraints.Pattern;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponseSchema;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The admin routes of the invariant. */
@Path(IntegrityResource.PATH)
@RolesAllowed(Roles.ADMIN)
@Produces(MediaType.APPLICATION_JSON)
public class IntegrityResource {

    static final String PATH = "/api/admin/integrity";

    /** How often the stream compares the report, which is in memory. */
    private static final Duration INTERVAL = Duration.ofMillis(250);

    private final IntegrityService service;
    private final EventStreams streams;
    private final Caller caller;

    IntegrityResource(IntegrityService service, EventStreams streams, Caller caller) {
        this.service = service;
        this.streams = streams;
        this.caller = caller;
    }

    @GET
    @Operation(
            operationId = "getIntegrity",
            summary = "The state of the invariant, the current run and the report of the last one")
    public IntegrityView report() {
        return service.view();
    }

    @POST
    @Path("/heal")
    @APIResponseSchema(value = Begun.class, responseCode = "202")
    @Operation(
            operationId = "heal",
            summary = "Starts a heal while the service stays open; the report shows its progress",
            description =
                    "With `dryRun=true` the service counts what a heal would find, and writes nothing. The report shows the"
                            + " result as `dryRun`.")
    public RestResponse<Begun> heal(
            @QueryParam("dryRun") @Pattern(regexp = "^(true|false)$", message = "must be true or false")
                    String dryRun) {
        boolean dry = Boolean.parseBoolean(dryRun);
        String run = dry ? service.dryRunNow() : service.healNow();
        AuditLog.heal(caller.id(), run, dry);
        return ResponseBuilder.<Begun>accepted(new Begun(run)).build();
    }

    @GET
    @Path("/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @APIResponse(
            responseCode = "200",
            content = @Content(mediaType = MediaType.SERVER_SENT_EVENTS, schema = @Schema(ref = "IntegrityEvent")))
    @Operation(
            operationId = "followIntegrity",
            summary = "The same report as server-sent events, at once and after each change",
            description = "The event `integrity` contains the report. The stream ends when the token expires.")
    public Uni<RestResponse<StreamedBody>> events() {
        Multi<Event> reports = Multi.createFrom()
                .ticks()
                .every(INTERVAL)
                .onOverflow()
                .drop()
                .map(tick -> report())
                .skip()
                .repetitions()
                .map(report -> new Event("integrity", Optional.empty(), report));
        return streams.open(caller, Uni.createFrom().item(reports));
    }

    /** The id of the run that has begun, or that was already running. */
    public record Begun(String run) {}
}
