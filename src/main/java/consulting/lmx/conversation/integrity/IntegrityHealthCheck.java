package consulting.lmx.conversation.integrity;

import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/**
 * Readiness: UP once the state is open. Reads the state and does no I/O. Anybody may ask for it, so it does not tell why a run
 * failed: the database's words name its hosts.
 */
@Readiness
@ApplicationScoped
public class IntegrityHealthCheck implements HealthCheck {

    private final IntegrityService service;

    IntegrityHealthCheck(IntegrityService service) {
        this.service = service;
    }

    @Override
    public HealthCheckResponse call() {
        IntegrityState.Snapshot now = service.state().snapshot();
        HealthCheckResponseBuilder response = HealthCheckResponse.named("integrity")
                .status(now.open())
                .withData("state", now.status().name())
                .withData("since", now.since().toString());
        now.reason()
                .ifPresent(reason -> response.withData("reason", "GET /api/admin/integrity and the log have it")
                        .withData("failures", now.failures()));
        service.progress()
                .ifPresent(progress -> response.withData("run", progress.run())
                        .withData("step", progress.step())
                        .withData("healed", progress.healedSoFar())
                        .withData("remaining", progress.remaining()));
        return response.build();
    }
}
