package consulting.lmx.conversation.integrity;

import com.mongodb.client.model.IndexOptions;
import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.error.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/** Makes the indexes that the application's lists are ordered by, where they are missing. */
final class OrderedIndexes {

    private static final Logger LOG = Logger.getLogger(OrderedIndexes.class);

    private final MongoCollection<BsonDocument> collection;
    private final List<OrderedIndex> declared;
    private final Capabilities capabilities;

    OrderedIndexes(MongoCollection<BsonDocument> collection, List<OrderedIndex> declared, Capabilities capabilities) {
        this.collection = collection;
        this.declared = declared;
        this.capabilities = capabilities;
    }

    Uni<Boolean> stand() {
        return missing().map(List::isEmpty);
    }

    Uni<Void> ensure() {
        return missing()
                .chain(missing -> Multi.createFrom()
                        .iterable(missing)
                        .onItem()
                        .transformToUniAndConcatenate(this::create)
                        .collect()
                        .last());
    }

    private Uni<List<OrderedIndex>> missing() {
        return IndexView.all(collection)
                .map(indexes -> declared.stream()
                        .filter(wanted -> indexes.stream().noneMatch(wanted::isCarriedBy))
                        .toList());
    }

    private Uni<Void> create(OrderedIndex index) {
        return Publishers.one(collection.createIndex(index.key(), new IndexOptions().name(index.name())))
                .invoke(() -> LOG.infof("event=index-created name=%s", index.name()))
                .replaceWithVoid()
                .onFailure(DriverFailure::isDenied)
                .recoverWithUni(denied -> {
                    capabilities.denied(
                            "createIndex on " + collection.getNamespace().getCollectionName());
                    return Uni.createFrom().voidItem();
                });
    }
}
