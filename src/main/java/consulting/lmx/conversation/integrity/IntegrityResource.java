package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import consulting.lmx.conversation.security.Roles;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponseSchema;
import org.jboss.resteasy.reactive.RestResponse;
import org.jboss.resteasy.reactive.RestResponse.ResponseBuilder;

/** The state of the invariant, for operators. */
@Path(IntegrityResource.PATH)
@RolesAllowed(Roles.ADMIN)
@Produces(MediaType.APPLICATION_JSON)
public class IntegrityResource {

    static final String PATH = "/api/admin/integrity";

    private final IntegrityService service;

    IntegrityResource(IntegrityService service) {
        this.service = service;
    }

    @GET
    @Operation(
            operationId = "getIntegrity",
            summary = "The state of the invariant, the run under way and the report of the last one")
    public IntegrityView report() {
        IntegrityState.Snapshot now = service.state().snapshot();
        return new IntegrityView(
                now.status(),
                now.since(),
                now.reason().orElse(null),
                service.progress().map(ProgressView::of).orElse(null),
                service.report().orElse(null));
    }

    @POST
    @Path("/heal")
    @APIResponseSchema(value = Begun.class, responseCode = "202")
    @Operation(operationId = "heal", summary = "Heals now, beside the traffic; the report shows how far it is")
    public RestResponse<Begun> heal() {
        return ResponseBuilder.<Begun>accepted(new Begun(service.healNow())).build();
    }

    /** The run that is under way. */
    public record Begun(String run) {}

    /** The state, and what is known of the runs. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record IntegrityView(
            IntegrityState.Status state,
            Instant since,
            String reason,
            ProgressView progress,
            @JsonUnwrapped IntegrityReport report) {}

    /** How far the run under way is, or how the last one ended. */
    public record ProgressView(String run, Instant startedAt, String step, long healed, long remaining) {

        static ProgressView of(RunProgress progress) {
            return new ProgressView(
                    progress.run(),
                    progress.startedAt(),
                    progress.step(),
                    progress.healedSoFar(),
                    progress.remaining());
        }
    }
}
