package consulting.lmx.conversation.integrity.engine.model;

import java.util.List;
import java.util.Optional;

/**
 * What must hold in a collection.
 *
 * @param collection the collection's name
 * @param keys the fields that every document must have
 * @param orders the indexes that the application lists by
 * @param companion holds parts of the documents
 * @param expiry when the server deletes documents by itself
 * @param createdField holds the date by which the older of two documents is told; may be missing
 * @param updatedField is set to the time of a repair
 */
public record Invariant(
        String collection,
        List<RequiredKey> keys,
        List<ListIndex> orders,
        Optional<Companion> companion,
        Ttl expiry,
        String createdField,
        String updatedField) {}
