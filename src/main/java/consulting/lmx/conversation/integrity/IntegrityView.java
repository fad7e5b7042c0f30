package consulting.lmx.conversation.integrity;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import java.time.Instant;
import java.util.Map;

/**
 * The state of the invariant, and the runs of this process.
 *
 * @param open whether the service answers the other routes; once true, it stays true
 * @param since when the state began
 * @param reason why the last run failed; missing if it did not
 * @param progress the progress of the current or last run; missing before the first
 * @param generated how many sessionIds each layer below the use cases has generated since the process started
 * @param startedAt when the process started
 * @param dryRun the last dry run; missing if there was none
 * @param checkedAt when the report was made
 * @param report the report of the last successful run; its fields are on the same level as these
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
        DryRun dryRun,
        Instant checkedAt,
        @JsonUnwrapped IntegrityReport report) {

    /**
     * The progress of a run.
     *
     * @param healed keys healed by this run
     * @param remaining counted keys that are still broken; 0 before the first count
     * @param found broken keys that this run has found, by reason
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
                    progress.totalHealed(),
                    progress.remaining(),
                    progress.brokenByWord(),
                    progress.healedByWord());
        }
    }
}
