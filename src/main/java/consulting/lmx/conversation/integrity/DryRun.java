package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import java.time.Instant;

/**
 * A look at what a heal would find, which writes nothing.
 *
 * @param endedAt missing while it is under way
 * @param reason why it failed; missing where it did not
 * @param report what it has found
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DryRun(String run, Instant startedAt, Instant endedAt, String reason, IntegrityReport report) {

    static DryRun begun(String run, Instant at) {
        return new DryRun(run, at, null, null, null);
    }

    DryRun ended(Instant at, IntegrityReport found) {
        return new DryRun(run, startedAt, at, null, found);
    }

    DryRun failed(Instant at, String why) {
        return new DryRun(run, startedAt, at, why, null);
    }
}
