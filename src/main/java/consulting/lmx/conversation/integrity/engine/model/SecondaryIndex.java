package consulting.lmx.conversation.integrity.engine.model;

import org.bson.BsonDocument;

/**
 * An index that makes queries fast. The invariant does not depend on it.
 *
 * @param name its name when this service creates it
 * @param key its fields in order, each with 1 or -1
 * @param filter the partial filter; empty for an index of all documents
 * @param consequence what the missing index costs
 */
public record SecondaryIndex(String name, BsonDocument key, BsonDocument filter, String consequence) {

    /** Whether {@code index} has this key and filter and the simple collation, whatever its name. */
    public boolean matches(IndexView index) {
        return hasKey(index) && index.isSimple() && !index.isHidden() && !index.isSparse() && hasFilter(index);
    }

    /** An empty filter on the server's side is still a filter. */
    private boolean hasFilter(IndexView index) {
        return filter.isEmpty() ? index.coversAllDocuments() : filter.equals(index.filter());
    }

    /** Servers list directions as numbers of any type. */
    private boolean hasKey(IndexView index) {
        BsonDocument other = index.key();
        return key.keySet().stream().toList().equals(other.keySet().stream().toList())
                && key.entrySet().stream()
                        .allMatch(field -> other.get(field.getKey()).isNumber()
                                && other.getNumber(field.getKey()).intValue()
                                        == field.getValue().asNumber().intValue());
    }
}
