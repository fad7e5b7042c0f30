package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.Filters;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import org.bson.BsonDocument;
import org.bson.BsonString;

/** The type and the options of a collection. */
public record CollectionInfo(String type, BsonDocument options) {

    private static final int NAMESPACE_EXISTS = 48;
    private static final String COLLECTION = "collection";

    /** Creates the collection if it does not exist. Fails with an {@link IntegrityException} for a view or the like. */
    public static Uni<Void> ensure(MongoDatabase database, String collection) {
        return find(database, collection)
                .onItem()
                .ifNull()
                .switchTo(() -> Publishers.one(database.createCollection(collection))
                        .invoke(() -> IndexCommands.CHANGES.infof("event=collection-created name=%s", collection))
                        .onFailure(failure -> DriverFailure.hasCode(failure, NAMESPACE_EXISTS))
                        .recoverWithNull()
                        .chain(() -> read(database, collection)))
                .invoke(info -> info.requireOrdinary(collection))
                .replaceWithVoid();
    }

    /** The collection; without options if it does not exist. */
    public static Uni<CollectionInfo> read(MongoDatabase database, String collection) {
        return find(database, collection)
                .onItem()
                .ifNull()
                .continueWith(() -> new CollectionInfo(COLLECTION, new BsonDocument()));
    }

    private static Uni<CollectionInfo> find(MongoDatabase database, String collection) {
        return Publishers.one(database.listCollections(BsonDocument.class).filter(Filters.eq("name", collection)))
                .map(found -> found == null
                        ? null
                        : new CollectionInfo(
                                text(found, "type", COLLECTION), found.getDocument("options", new BsonDocument())));
    }

    /** @throws IntegrityException if this is a view, a capped collection or a time series collection */
    public void requireOrdinary(String collection) {
        String kind = !type.equals(COLLECTION) ? type : options.containsKey("capped") ? "capped collection" : null;
        if (kind != null) {
            throw new IntegrityException(collection + " is a " + kind
                    + ", which cannot enforce unique keys: set MONGODB_DB to a database where it is an ordinary"
                    + " collection");
        }
    }

    BsonDocument validator() {
        return options.getDocument("validator", new BsonDocument());
    }

    String validationLevel() {
        return text(options, "validationLevel", "strict");
    }

    String validationAction() {
        return text(options, "validationAction", "error");
    }

    private static String text(BsonDocument document, String field, String otherwise) {
        return document.getString(field, new BsonString(otherwise)).getValue();
    }
}
