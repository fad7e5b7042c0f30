package consulting.lmx.conversation.integrity.engine.repair;

import java.util.Comparator;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/**
 * Decides which of two documents is older: by creation date, then by {@code _id}. Without a creation date the time in the
 * ObjectId counts. A document without either is the youngest.
 */
record Age(long createdAt, BsonValue id) implements Comparable<Age> {

    private static final Comparator<Age> OLDEST_FIRST =
            Comparator.comparingLong(Age::createdAt).thenComparing(Age::id, Age::compareIds);

    static Age of(BsonDocument document, String createdField) {
        BsonValue created = document.get(createdField);
        BsonValue id = document.get("_id");
        if (created != null && created.isDateTime()) {
            return new Age(created.asDateTime().getValue(), id);
        }
        return new Age(id.isObjectId() ? id.asObjectId().getValue().getTimestamp() * 1000L : Long.MAX_VALUE, id);
    }

    @Override
    public int compareTo(Age other) {
        return OLDEST_FIRST.compare(this, other);
    }

    private static int compareIds(BsonValue a, BsonValue b) {
        return a.isObjectId() && b.isObjectId()
                ? a.asObjectId().getValue().compareTo(b.asObjectId().getValue())
                : a.toString().compareTo(b.toString());
    }
}
