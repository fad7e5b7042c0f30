package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/** The metrics of the invariant. */
@ApplicationScoped
public class IntegrityMetrics {

    private static final String GENERATED = "conversations.session.id.generated";
    private static final String HEALED = "conversations.integrity.healed";

    private final MeterRegistry meters;

    IntegrityMetrics(MeterRegistry meters) {
        this.meters = meters;
    }

    /** Shows {@code state} and the run that {@code progress} names, and every reason from 0 on. */
    void show(IntegrityState state, Supplier<Optional<RunProgress>> progress) {
        for (IntegrityState.Status status : IntegrityState.Status.values()) {
            Gauge.builder(
                            "conversations.integrity.state",
                            state,
                            s -> s.snapshot().status() == status ? 1 : 0)
                    .description("1 for the state that the check of the invariant is in")
                    .tag("state", status.name())
                    .strongReference(true)
                    .register(meters);
        }
        Gauge.builder(
                        "conversations.integrity.remaining",
                        progress,
                        run -> run.get().map(RunProgress::remaining).orElse(0L))
                .description("Broken keys that were counted and are not healed yet")
                .strongReference(true)
                .register(meters);
        for (Defect defect : Defect.values()) {
            healed(defect, 0);
        }
    }

    /** How many sessionIds each layer of the application had to make up since the process started; none where it had not. */
    Map<String, Long> generated() {
        return meters.find(GENERATED).counters().stream()
                .collect(Collectors.toMap(
                        counter -> counter.getId().getTag("layer"), counter -> (long) counter.count(), Long::sum));
    }

    /** {@code n} more keys were healed. */
    void healed(Defect defect, long n) {
        meters.counter(HEALED, "reason", defect.word()).increment(n);
    }
}
