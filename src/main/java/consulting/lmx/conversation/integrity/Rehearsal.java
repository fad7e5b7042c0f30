package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;

/**
 * A look at what a heal would find, which writes nothing.
 *
 * @param endedAt missing while it is under way
 * @param reason why it failed; missing where it did not
 * @param report what it has found
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Rehearsal(String run, Instant startedAt, Instant endedAt, String reason, IntegrityReport report) {

    static Rehearsal begun(String run, Instant at) {
        return new Rehearsal(run, at, null, null, null);
    }

    Rehearsal ended(Instant at, IntegrityReport found) {
        return new Rehearsal(run, startedAt, at, null, found);
    }

    Rehearsal failed(Instant at, String why) {
        return new Rehearsal(run, startedAt, at, why, null);
    }
}
