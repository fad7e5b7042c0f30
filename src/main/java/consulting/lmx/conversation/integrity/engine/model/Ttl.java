package consulting.lmx.conversation.integrity.engine.model;

import java.time.Duration;
import java.util.Optional;

/**
 * When the server deletes documents by itself; it holds no part of the invariant.
 *
 * @param index the name of the index that does so; an index of this name is made, changed and dropped here, and no other
 * @param field the date that is counted from; a document where it is missing or no date is kept
 * @param after how long after that date, in whole seconds; empty where every document is kept
 */
public record Ttl(String index, String field, Optional<Duration> after) {

    /** Whether {@code found} is the index that is wanted, of every document and by the same time. */
    public boolean isCarriedBy(IndexView found) {
        return hasItsShape(found)
                && after.isPresent()
                && found.expiresAfter().orElse(-1) == after.get().toSeconds();
    }

    /** Whether only the time of {@code found} may differ, so that the server can change it where it stands. */
    public boolean hasItsShape(IndexView found) {
        return isNameOf(found)
                && found.isOf(field)
                && found.isWhole()
                && found.expiresAfter().isPresent();
    }

    public boolean isNameOf(IndexView found) {
        return found.name().equals(index);
    }
}
