package consulting.lmx.conversation.integrity;

import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;
import org.eclipse.microprofile.health.Readiness;

/** Readiness: UP once the service is open. Reads the state without I/O, and names no host because the probe is public. */
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
        if (now.reason().isPresent()) {
            response.withData("reason", service.publicReason()).withData("failures", now.failures());
        }
        service.progress()
                .ifPresent(progress -> response.withData("run", progress.run())
                        .withData("step", progress.step())
                        .withData("healed", progress.totalHealed())
                        .withData("remaining", progress.remaining()));
        return response.build();
    }
}
