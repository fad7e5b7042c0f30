package consulting.lmx.conversation.integrity.engine;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * What a run found, did and left.
 *
 * @param scanned how many documents it looked through; 0 where the indexes alone answered
 * @param broken found in the first key, by reason word
 * @param others the same of the further keys, each under its field's name
 * @param healed how many documents got a new value in the first key
 * @param deleted how many documents were deleted instead
 * @param left how many are still broken in any key, duplicates not counted
 * @param duplicatesLeft how many share a key with an older one
 * @param indexes the single-field indexes of the keys and those by which documents are deleted, as the database has them
 * @param validator as the database has it: strict, moderate, warn or none
 * @param seconds the backfill alone: from its first read to its last acknowledged write
 * @param run the run's id
 * @param notEnforced what the server was found to lack
 * @param exceptions the documents that were repaired without a record or not at all, since they are too large
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record IntegrityReport(
        long scanned,
        Map<String, Long> broken,
        @JsonAnyGetter @Schema(hidden = true) Map<String, KeyReport> others,
        long healed,
        long deleted,
        long left,
        long duplicatesLeft,
        List<IndexReport> indexes,
        String validator,
        double seconds,
        String run,
        Set<String> notEnforced,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<String> exceptions) {

    /**
     * One index.
     *
     * @param ok whether it is the declared one, or stands in for it where shards cannot hold the key unique
     * @param expireAfterSeconds after how long documents are deleted by it; missing where it deletes none
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record IndexReport(
            String name, Map<String, Integer> key, boolean unique, boolean ok, Long expireAfterSeconds) {

        static IndexReport of(IndexView index, boolean ok) {
            Map<String, Integer> keys = new LinkedHashMap<>();
            index.key()
                    .forEach((field, direction) ->
                            keys.put(field, direction.asNumber().intValue()));
            Long seconds =
                    index.expiresAfter().isPresent() ? index.expiresAfter().getAsLong() : null;
            return new IndexReport(index.name(), keys, index.isUnique(), ok, seconds);
        }
    }

    /** The counts of one further key. */
    public record KeyReport(Map<String, Long> broken, long healed) {}

    /** Whether nothing is broken and the index of every key stands. */
    public boolean holds(Invariant invariant) {
        return left == 0 && duplicatesLeft == 0 && indexed(invariant);
    }

    /** Whether the index of every key stands: the declared one, or the best that shards can have. */
    boolean indexed(Invariant invariant) {
        return invariant.keys().stream()
                .allMatch(key -> indexes.stream()
                        .anyMatch(index -> index.ok() && index.key().containsKey(key.field())));
    }
}
