package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.http.Limited;
import consulting.lmx.conversation.http.stream.Event;
import consulting.lmx.conversation.http.stream.EventStreams;
import consulting.lmx.conversation.http.stream.StreamedBody;
import consulting.lmx.conversation.integrity.engine.RunView;
import consulting.lmx.conversation.security.Caller;
import consulting.lmx.conversation.security.Roles;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.json.Json;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.Pattern;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponseSchema;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The state of the invariant, for operators. */
@Path(IntegrityResource.PATH)
@RolesAllowed(Roles.ADMIN)
@Produces(MediaType.APPLICATION_JSON)
public class IntegrityResource {

    private static final Logger LOG = Logger.getLogger(IntegrityResource.class);

    static final String PATH = "/api/admin/integrity";

    /** How often the live report looks whether there is something new, in memory. */
    private static final Duration LOOK = Duration.ofMillis(250);

    /** How many past runs a caller may ask for. */
    private static final int MOST_RUNS = 100;

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
            summary = "The state of the invariant, the run under way and the report of the last one")
    public IntegrityView report() {
        return service.view();
    }

    @POST
    @Path("/heal")
    @APIResponseSchema(value = Begun.class, responseCode = "202")
    @Operation(
            operationId = "heal",
            summary = "Heals now, beside the traffic; the report shows how far it is",
            description =
                    "With `dryRun` it reads and counts, and writes nothing; the report shows what was found as its"
                            + " `rehearsal`.")
    public RestResponse<Begun> heal(
            @QueryParam("dryRun") @Pattern(regexp = "^(true|false)$", message = "must be true or false")
                    String dryRun) {
        boolean dry = Boolean.parseBoolean(dryRun);
        String run = dry ? service.rehearseNow() : service.healNow();
        LOG.infof("event=audit-heal who=%s run=%s dry-run=%s", Json.encode(caller.id()), run, dry);
        return ResponseBuilder.<Begun>accepted(new Begun(run)).build();
    }

    @GET
    @Path("/runs")
    @Limited
    @Operation(
            operationId = "listRuns",
            summary = "What the runs of all replicas did, newest first",
            description = "A run that only found everything sound leaves no trace.")
    public Uni<Runs> runs(@QueryParam("limit") @DefaultValue("20") @Min(1) @Max(MOST_RUNS) int limit) {
        return service.runs(limit).map(Runs::new);
    }

    @GET
    @Path("/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @APIResponse(
            responseCode = "200",
            content = @Content(mediaType = MediaType.SERVER_SENT_EVENTS, schema = @Schema(ref = "IntegrityEvent")))
    @Operation(
            operationId = "followIntegrity",
            summary = "The same report as server-sent events, now and at each change",
            description = "The event `integrity` carries the report. The stream ends with the token.")
    public Uni<RestResponse<StreamedBody>> events() {
        Multi<Event> reports = Multi.createFrom()
                .ticks()
                .every(LOOK)
                .onOverflow()
                .drop()
                .map(tick -> report())
                .skip()
                .repetitions()
                .map(report -> new Event("integrity", Optional.empty(), report));
        return streams.open(caller, Uni.createFrom().item(reports));
    }

    /** The run that is under way. */
    public record Begun(String run) {}

    /** Some runs, newest first. */
    public record Runs(List<RunView> data) {}
}
