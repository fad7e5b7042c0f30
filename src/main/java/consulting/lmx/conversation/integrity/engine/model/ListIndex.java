package consulting.lmx.conversation.integrity.engine.model;

import org.bson.BsonDocument;

/** An index that carries an order which the application lists by; it holds no part of the invariant. */
public record ListIndex(String name, BsonDocument key) {

    /** Whether {@code index} carries that order for every document, whatever its name. */
    public boolean isCarriedBy(IndexView index) {
        return index.isWhole() && !index.isHidden() && index.isSimple() && sameKey(index.key());
    }

    /** Whether {@code index} has its name and its key, and compares strings by a collation. */
    public boolean isOutdated(IndexView index) {
        return index.name().equals(name) && sameKey(index.key()) && !index.isSimple();
    }

    /** Servers tell directions as numbers of any type. */
    private boolean sameKey(BsonDocument other) {
        return key.keySet().stream().toList().equals(other.keySet().stream().toList())
                && key.entrySet().stream()
                        .allMatch(field -> other.get(field.getKey()).isNumber()
                                && other.getNumber(field.getKey()).intValue()
                                        == field.getValue().asNumber().intValue());
    }
}
