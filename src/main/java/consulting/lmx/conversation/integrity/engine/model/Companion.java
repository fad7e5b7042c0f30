package consulting.lmx.conversation.integrity.engine.model;

import com.mongodb.client.model.Filters;
import org.bson.BsonDocument;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * A second collection that holds parts of a document.
 *
 * @param collection its name
 * @param owner the first field inside the {@code _id} of a part: the {@code _id} of the document that it belongs to
 */
public record Companion(String collection, String owner) {

    /** Finds the parts of a document, by the index of their {@code _id}. */
    public Bson partsOf(BsonValue document) {
        return Filters.and(
                Filters.gt("_id", new BsonDocument(owner, document).append("", new BsonMinKey())),
                Filters.lt("_id", new BsonDocument(owner, document).append("", new BsonMaxKey())));
    }
}
