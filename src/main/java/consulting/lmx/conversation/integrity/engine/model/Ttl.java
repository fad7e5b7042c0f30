package consulting.lmx.conversation.integrity.engine.model;

import java.time.Duration;
import java.util.Optional;

/**
 * When the server deletes documents. The invariant does not depend on it.
 *
 * @param index the name of the TTL index; this service changes and drops indexes of this name only
 * @param field the date that the server counts from; documents without a date there are kept
 * @param after the age at which documents are deleted, in whole seconds; empty to keep all documents
 */
public record Ttl(String index, String field, Optional<Duration> after) {

    /** Whether {@code found} is the wanted index with the wanted age. */
    public boolean matches(IndexView found) {
        return differsOnlyInAge(found)
                && after.isPresent()
                && found.expiresAfter().orElse(-1) == after.get().toSeconds();
    }

    /** Whether {@code collMod} can turn {@code found} into the wanted index. */
    public boolean differsOnlyInAge(IndexView found) {
        return isOwn(found)
                && found.isOnlyOn(field)
                && found.coversAllDocuments()
                && found.expiresAfter().isPresent();
    }

    /** Whether this service owns the index: the name alone decides. */
    public boolean isOwn(IndexView found) {
        return found.name().equals(index);
    }
}
