package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import java.time.Instant;

/**
 * A dry run: it counts what a heal would find, and writes nothing.
 *
 * @param endedAt missing while the dry run is running
 * @param reason why it failed; missing if it did not
 * @param report what it found; missing until it ended
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DryRun(String run, Instant startedAt, Instant endedAt, String reason, IntegrityReport report) {}
