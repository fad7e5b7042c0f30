package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.GENERATIONS;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.TIMESTAMP;
import static consulting.lmx.conversation.store.MessageQuery.operator;

import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.Projections;
import com.mongodb.client.result.UpdateResult;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;

/** Measures, reads and removes the oldest messages of a conversation's document for {@link MessageOffloader}. */
@ApplicationScoped
class InlineMessages {

    private final Conversations conversations;

    InlineMessages(Conversations conversations) {
        this.conversations = conversations;
    }

    /**
     * The size of a document.
     *
     * @param bytes the text of all messages
     * @param oldest the text of each of the oldest messages, in bytes
     */
    record Size(StoredConversation conversation, long bytes, List<Integer> oldest) {}

    /** Measures the messages of a document; null if there is none. */
    Uni<Size> measure(BsonValue conversation, int oldest) {
        return conversations
                .first(List.of(
                        Aggregates.match(new BsonDocument(ID, conversation)),
                        Aggregates.project(MessageQuery.sizes(Conversations.POSITION)),
                        Aggregates.project(MessageQuery.summary(Conversations.POSITION, oldest))))
                .onItem()
                .ifNotNull()
                .transform(found -> new Size(
                        new StoredConversation(
                                found, found.getNumber(MessageQuery.COUNT).intValue()),
                        found.getNumber(MessageQuery.BYTES).longValue(),
                        found.getArray(MessageQuery.SIZES).stream()
                                .map(size -> size.asNumber().intValue())
                                .toList()));
    }

    /** Reads the oldest messages in their stored form; returns none if messages were offloaded since. */
    Uni<List<BsonValue>> oldest(StoredConversation read, int count) {
        return conversations
                .documents()
                .find(
                        Conversations.unmoved(read),
                        new FindOptions()
                                .projection(Projections.fields(
                                        Projections.include(OFFLOADED), Projections.slice(MESSAGES, 0, count))))
                .toUni()
                .map(found -> found == null ? List.of() : LenientBson.array(found, MESSAGES));
    }

    /**
     * Removes the oldest {@code count} messages if none was offloaded since the conversation was read. Returns whether it did.
     * Concurrent appends do not interfere, because they do not move the oldest messages.
     *
     * @param last the newest message to remove; the guard compares it, in case another program replaced the list
     * @param newGeneration the generation of the blocks from here on; empty if it stays the same
     */
    Uni<Boolean> cut(StoredConversation read, int count, BsonValue last, Optional<BsonDocument> newGeneration) {
        BsonDocument unchanged = Conversations.unmoved(read);
        BsonValue timestamp = last.isDocument() ? last.asDocument().get(TIMESTAMP) : null;
        String position = MESSAGES + "." + (count - 1);
        if (timestamp instanceof BsonDateTime) {
            unchanged.append(position + "." + TIMESTAMP, timestamp);
        } else {
            unchanged.append(position, new BsonDocument("$exists", BsonBoolean.TRUE));
        }
        BsonDocument set = new BsonDocument(OFFLOADED, new BsonInt32(read.offloaded() + count));
        newGeneration.ifPresent(generation -> {
            BsonArray generations =
                    LenientBson.array(read.document(), GENERATIONS).clone();
            generations.add(generation);
            set.append(GENERATIONS, generations);
        });
        return conversations
                .documents()
                .updateOne(unchanged, List.of(new BsonDocument("$set", withRest(set, count))))
                .onFailure(DriverFailure::isRejected)
                .recoverWithUni(noPipelines -> cutBySize(read, unchanged, set, count))
                .map(result -> result.getMatchedCount() > 0);
    }

    private static BsonDocument withRest(BsonDocument set, int count) {
        BsonDocument literal = new BsonDocument();
        set.forEach((field, value) -> literal.append(field, new BsonDocument("$literal", value)));
        return literal.append(
                MESSAGES,
                operator(
                        "$slice",
                        new BsonString("$" + MESSAGES),
                        new BsonInt32(count),
                        new BsonInt32(Integer.MAX_VALUE)));
    }

    /**
     * Cuts without a pipeline update, which the embedded server lacks. The update states how many messages stay, so an append since
     * the read prevents it.
     */
    private Uni<UpdateResult> cutBySize(StoredConversation read, BsonDocument unchanged, BsonDocument set, int count) {
        BsonDocument rest =
                new BsonDocument("$each", new BsonArray()).append("$slice", new BsonInt32(count - read.inline()));
        return conversations
                .documents()
                .updateOne(
                        unchanged.clone().append(MESSAGES, new BsonDocument("$size", new BsonInt32(read.inline()))),
                        new BsonDocument("$push", new BsonDocument(MESSAGES, rest)).append("$set", set));
    }
}
