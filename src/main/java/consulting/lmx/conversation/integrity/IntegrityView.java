package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import java.time.Instant;
import java.util.Map;

/**
 * The state of the invariant, and what is known of the runs of this process.
 *
 * @param open whether the other routes are served; once true it stays so
 * @param since when the state was reached
 * @param reason why the last run failed; missing where it did not
 * @param progress of the run under way, or how the last one ended; missing before the first
 * @param generated how many sessionIds each layer below the use cases had to make up since the process started
 * @param startedAt when the process started, which those counts go back to
 * @param rehearsal the last one that was asked for; missing where none was
 * @param checkedAt when the report was made
 * @param report what the last run that came to an end has found; its fields stand beside these
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record IntegrityView(
        IntegrityState.Status state,
        boolean open,
        Instant since,
        String reason,
        ProgressView progress,
        Map<String, Long> generated,
        Instant startedAt,
        DryRun rehearsal,
        Instant checkedAt,
        @JsonUnwrapped IntegrityReport report) {

    /**
     * How far a run is.
     *
     * @param healed keys healed so far, by this run or by the one of another process that it waits for
     * @param remaining keys that were counted as broken and are not healed yet; 0 where nothing was counted
     * @param found broken keys that this run has met, by reason
     * @param healedByReason keys that this run has healed, by reason
     */
    public record ProgressView(
            String run,
            Instant startedAt,
            String step,
            long healed,
            long remaining,
            Map<String, Long> found,
            Map<String, Long> healedByReason) {

        public static ProgressView of(RunProgress progress) {
            return new ProgressView(
                    progress.run(),
                    progress.startedAt(),
                    progress.step(),
                    progress.healedSoFar(),
                    progress.remaining(),
                    progress.brokenByWord(),
                    progress.healedByWord());
        }
    }
}
