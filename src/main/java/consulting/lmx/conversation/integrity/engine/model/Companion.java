package consulting.lmx.conversation.integrity.engine.model;

import com.mongodb.client.model.Filters;
import org.bson.BsonDocument;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * A second collection that holds parts of the documents.
 *
 * @param collection its name
 * @param ownerField the first field in the {@code _id} of a part: the {@code _id} of the document that owns the part
 */
public record Companion(String collection, String ownerField) {

    /** Matches the parts of a document, through the index on {@code _id}. */
    public Bson partsOf(BsonValue documentId) {
        return Filters.and(
                Filters.gt("_id", new BsonDocument(ownerField, documentId).append("", new BsonMinKey())),
                Filters.lt("_id", new BsonDocument(ownerField, documentId).append("", new BsonMaxKey())));
    }
}
