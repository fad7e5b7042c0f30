package consulting.lmx.conversation.integrity.engine;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * What a run found and did, and what is still broken.
 *
 * @param scanned the number of documents in the scanned collection; 0 if the indexes alone gave the answer
 * @param broken the broken first keys, by reason
 * @param others the same for each further key, under the name of its field
 * @param healed the number of documents with a new value in the first key
 * @param deleted the number of documents that were deleted instead
 * @param left the number of keys that are still broken, without duplicates
 * @param duplicatesLeft the number of documents that share a key with an older one
 * @param indexes the indexes on one key each, and the TTL indexes
 * @param validator the validator that the database has: strict, moderate, warn or none
 * @param seconds the backfill alone: from its first read to its last acknowledged write
 * @param run the id of the run
 * @param notEnforced the capabilities that the server lacks
 * @param exceptions the documents that were repaired without a record or not at all, because they are too large
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
     * An index.
     *
     * @param ok whether it is as declared, or replaces the declared one on shards that cannot enforce uniqueness
     * @param expireAfterSeconds the age at which the server deletes documents; missing if it deletes none
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

    /** The counts of a further key. */
    public record KeyReport(Map<String, Long> broken, long healed) {}

    /** Whether nothing is broken and every key has its index. */
    public boolean holds(Invariant invariant) {
        return left == 0 && duplicatesLeft == 0 && missingIndexes(invariant).isEmpty();
    }

    /** The keys without an index: neither the declared one nor its replacement on shards. */
    public List<String> missingIndexes(Invariant invariant) {
        return invariant.keys().stream()
                .map(RequiredKey::field)
                .filter(field -> indexes.stream()
                        .noneMatch(index -> index.ok() && index.key().containsKey(field)))
                .toList();
    }
}
