package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.Filters;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import org.bson.BsonDocument;
import org.bson.BsonString;

/** What the database says of a collection: its kind and its options. */
public record CollectionInfo(String type, BsonDocument options) {

    private static final int NAMESPACE_EXISTS = 48;

    /** The collection, made where there is none yet. Fails where it is no ordinary collection. */
    public static Uni<CollectionInfo> ensure(MongoDatabase database, String collection) {
        return find(database, collection)
                .onItem()
                .ifNull()
                .switchTo(() -> Publishers.one(database.createCollection(collection))
                        .invoke(() -> Changes.LOG.infof("event=collection-created name=%s", collection))
                        .onFailure(failure -> DriverFailure.hasCode(failure, NAMESPACE_EXISTS))
                        .recoverWithNull()
                        .chain(() -> read(database, collection)))
                .invoke(info -> info.requireOrdinary(collection));
    }

    /** The collection as it is; an empty description where there is none. */
    public static Uni<CollectionInfo> read(MongoDatabase database, String collection) {
        return find(database, collection)
                .onItem()
                .ifNull()
                .continueWith(() -> new CollectionInfo("collection", new BsonDocument()));
    }

    private static Uni<CollectionInfo> find(MongoDatabase database, String collection) {
        return Publishers.one(database.listCollections(BsonDocument.class).filter(Filters.eq("name", collection)))
                .map(found -> found == null
                        ? null
                        : new CollectionInfo(
                                found.getString("type", new BsonString("collection"))
                                        .getValue(),
                                found.getDocument("options", new BsonDocument())));
    }

    public void requireOrdinary(String collection) {
        String kind = !type.equals("collection") ? type : options.containsKey("capped") ? "capped collection" : null;
        if (kind != null) {
            throw new IntegrityException(collection + " is a " + kind
                    + ", whose documents cannot be held to unique keys: point MONGODB_DB at a database"
                    + " where it is an ordinary collection");
        }
    }

    BsonDocument validator() {
        return options.getDocument("validator", new BsonDocument());
    }

    String validationLevel() {
        return options.getString("validationLevel", new BsonString("strict")).getValue();
    }

    String validationAction() {
        return options.getString("validationAction", new BsonString("error")).getValue();
    }
}
