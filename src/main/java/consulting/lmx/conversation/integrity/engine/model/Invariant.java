package consulting.lmx.conversation.integrity.engine.model;

import java.util.List;
import java.util.Optional;

/**
 * The rules of a collection.
 *
 * @param collection the name of the collection
 * @param keys the fields that every document must have
 * @param listIndexes the indexes that the application's lists are sorted by
 * @param companion the collection that holds parts of the documents
 * @param ttl when the server deletes documents
 * @param createdField the creation date, which decides which of two documents is older; may be missing
 * @param updatedField the date that a repair sets to its own time
 */
public record Invariant(
        String collection,
        List<RequiredKey> keys,
        List<SecondaryIndex> listIndexes,
        Optional<Companion> companion,
        Ttl ttl,
        String createdField,
        String updatedField) {}
