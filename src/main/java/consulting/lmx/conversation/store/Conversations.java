package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.COLLECTION;
import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.store.ConversationFields.GENERATIONS;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;
import static consulting.lmx.conversation.store.MessageQuery.operator;

import com.mongodb.MongoException;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.Collation;
import com.mongodb.client.model.DeleteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndDeleteOptions;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import com.mongodb.client.model.UpdateOptions;
import consulting.lmx.conversation.mongo.CallersContext;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.quarkus.mongodb.AggregateOptions;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * The stored conversations: each read, change and deletion passes here, {@link MessageAppender} or {@link MessageOffloader}. A
 * caller's conversation is found by both its id and its owner, compared byte by byte whatever the collection's collation is. A
 * failed {@link Uni} carries a {@link ServiceException}, or the driver's own exception if the database failed.
 */
@ApplicationScoped
public class Conversations {

    /** Compares strings byte by byte. */
    static final Collation SIMPLE = Collation.builder().locale("simple").build();

    /** Fields enough to read messages. */
    static final List<String> POSITION = List.of(OFFLOADED, GENERATIONS);

    /** How much text is read without a reservation of memory, in bytes. */
    static final long SHORT_BYTES = 32 * 1024;

    private static final BsonDocument IS_SHORT = MessageQuery.isShort(SHORT_BYTES);
    private static final BsonDocument FIELDS_AND_MESSAGES = MessageQuery.projection(StoredConversation.FIELDS);
    private static final BsonDocument POSITION_AND_MESSAGES = MessageQuery.projection(POSITION);

    private static final String POSITION_OF = "position";

    private static final int DELETED_AT_ONCE = 500;

    private final ReactiveMongoCollection<BsonDocument> documents;
    private final MessageBlocks blocks;

    Conversations(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String database,
            MessageBlocks blocks) {
        this.documents = client.getDatabase(database).getCollection(COLLECTION, BsonDocument.class);
        this.blocks = blocks;
    }

    /** Selects the caller's conversation of that id. */
    public static BsonDocument owned(String caller, String conversationId) {
        return new BsonDocument(CONVERSATION_ID, new BsonString(conversationId))
                .append(USER_ID, new BsonString(caller));
    }

    /** Selects the caller's conversation of that session. */
    public static BsonDocument ofSession(String caller, String sessionId) {
        return new BsonDocument(SESSION_ID, new BsonString(sessionId)).append(USER_ID, new BsonString(caller));
    }

    /** Selects the very same document again, as long as it is the caller's. */
    public static BsonDocument same(String caller, BsonValue id) {
        return new BsonDocument(ID, id).append(USER_ID, new BsonString(caller));
    }

    /** Selects the very same document again, as long as no more of its messages are offloaded. */
    static BsonDocument unmoved(StoredConversation read) {
        BsonDocument selected = new BsonDocument(ID, read.id());
        selected.putAll(offloaded(read.offloaded()));
        return selected;
    }

    /** What an error says to a caller who has no such conversation. */
    public static ServiceException notFound() {
        return new ServiceException(ErrorCode.CONVERSATION_NOT_FOUND, "You have no such conversation.");
    }

    static ServiceException changing() {
        return new ServiceException(
                ErrorCode.CONFLICT, "Others changed the conversation several times meanwhile. Try again.");
    }

    ReactiveMongoCollection<BsonDocument> documents() {
        return documents;
    }

    /** The first document that an aggregation gives; null if there is none. */
    Uni<BsonDocument> first(List<? extends Bson> pipeline) {
        return CallersContext.keep(documents
                .aggregate(pipeline, new AggregateOptions().collation(SIMPLE))
                .toUni());
    }

    /** A conversation and those of its messages that its document holds. */
    record Read(StoredConversation conversation, MessagePart inline) {}

    /**
     * The selected conversation with the messages in the window, as far as the document holds them and if they are no longer
     * than {@link #SHORT_BYTES}; null if there is no such conversation.
     */
    Uni<Read> read(BsonDocument selected, List<String> fields, MessageWindow window) {
        return readShort(selected, fields, window)
                .onFailure(failure -> failure instanceof MongoException && !DriverFailure.isUnavailable(failure))
                .recoverWithNull()
                .onItem()
                .ifNull()
                .switchTo(() -> readMeasured(selected, fields, window, SHORT_BYTES));
    }

    /** By a query, which costs the server half; null if there is more text, a failure if not all messages are text. */
    private Uni<Read> readShort(BsonDocument selected, List<String> fields, MessageWindow window) {
        BsonDocument filter = new BsonDocument(4);
        filter.putAll(selected);
        filter.append("$expr", IS_SHORT);
        FindOptions options = new FindOptions()
                .collation(SIMPLE)
                .projection(fields == POSITION ? POSITION_AND_MESSAGES : FIELDS_AND_MESSAGES);
        return documents.find(filter, options).toUni().onItem().ifNotNull().transform(found -> {
            List<Message> messages = LenientBson.array(found, MESSAGES).stream()
                    .map(Message::fromBson)
                    .toList();
            StoredConversation conversation = new StoredConversation(found, messages.size());
            return new Read(conversation, MessagePart.of(conversation.offloaded(), messages, window));
        });
    }

    /** By an aggregation, which answers the sizes instead if there is more text than {@code maxBytes}. */
    Uni<Read> readMeasured(Bson selected, List<String> fields, MessageWindow window, long maxBytes) {
        BsonValue first = operator("$ifNull", new BsonString("$" + OFFLOADED), new BsonInt32(0));
        List<Bson> pipeline = new ArrayList<>(List.of(Aggregates.match(selected)));
        pipeline.addAll(MessageQuery.stages(fields, first, window, maxBytes));
        return first(pipeline).onItem().ifNotNull().transform(found -> {
            StoredConversation conversation = new StoredConversation(
                    found, found.getNumber(MessageQuery.COUNT).intValue());
            return new Read(conversation, MessagePart.of(found, conversation.offloaded(), window));
        });
    }

    /** A conversation, and the position in its list of a message that was sent with a key; -1 if there is none. */
    record WithKey(StoredConversation conversation, int position) {}

    /** The selected conversation and where its document holds a message with this idempotency key; null if there is none. */
    Uni<WithKey> readWithKey(Bson selected, String key) {
        BsonDocument projection = new BsonDocument(POSITION_OF, MessageQuery.positionOfKey(key));
        StoredConversation.FIELDS.forEach(field -> projection.append(field, new BsonInt32(1)));
        return first(List.of(Aggregates.match(selected), Aggregates.project(projection)))
                .onItem()
                .ifNotNull()
                .transform(found -> new WithKey(
                        new StoredConversation(found, 0),
                        found.getNumber(POSITION_OF).intValue()));
    }

    /** The position of the message with this {@code _id} in the list of the document; empty if it is not there. */
    Uni<Optional<Integer>> positionOfMessage(BsonValue conversation, BsonValue message) {
        return first(List.of(
                        Aggregates.match(new BsonDocument(ID, conversation)),
                        Aggregates.project(new BsonDocument(
                                POSITION_OF, MessageQuery.positionOf(new BsonString("$$message." + ID), message)))))
                .map(found -> Optional.ofNullable(found)
                        .map(there -> there.getNumber(POSITION_OF).intValue())
                        .filter(position -> position >= 0));
    }

    /** Who owns the conversation of that id; empty if there is none. */
    Uni<Optional<String>> owner(String conversationId) {
        return documents
                .find(
                        new BsonDocument(CONVERSATION_ID, new BsonString(conversationId)),
                        new FindOptions().collation(SIMPLE).projection(Projections.include(USER_ID)))
                .toUni()
                .map(found -> Optional.ofNullable(found)
                        .map(conversation -> String.valueOf(LenientBson.string(conversation, USER_ID))));
    }

    /** In a filter: as many messages are offloaded as when the conversation was read. */
    static BsonDocument offloaded(int count) {
        return new BsonDocument(
                OFFLOADED, count == 0 ? new BsonDocument("$exists", BsonBoolean.FALSE) : new BsonInt32(count));
    }

    /**
     * The caller's conversations, newest first, without their messages; one more than {@code limit} if there are more.
     *
     * @param after where the list begins
     */
    public Multi<StoredConversation> list(String caller, int limit, Optional<ListPosition> after) {
        return documents
                .find(
                        after.map(position -> position.filter(caller))
                                .orElseGet(() -> new BsonDocument(USER_ID, new BsonString(caller))),
                        new FindOptions()
                                .collation(SIMPLE)
                                .sort(Sorts.descending(UPDATED_AT, ID))
                                .projection(Projections.include(StoredConversation.FIELDS))
                                .limit(limit + 1))
                .map(found -> new StoredConversation(found, 0));
    }

    /**
     * Stores new values of title, metadata and time of the update, if the conversation still has the {@code unchanged} values
     * that were read; gives whether it had.
     */
    public Uni<Boolean> update(StoredConversation read, StoredConversation changed, List<String> unchanged) {
        BsonDocument filter = same(read.userId(), read.id());
        unchanged.forEach(field -> filter.append(field, unchanged(read, field)));
        BsonDocument set = new BsonDocument();
        BsonDocument unset = new BsonDocument();
        Stream.of(TITLE, METADATA, UPDATED_AT)
                .filter(field ->
                        changed.document().get(field) != read.document().get(field))
                .forEach(field -> {
                    BsonValue value = changed.document().get(field);
                    if (value == null) {
                        unset.append(field, BsonBoolean.TRUE);
                    } else {
                        set.append(field, value);
                    }
                });
        BsonDocument update = new BsonDocument("$set", set);
        return documents
                .updateOne(
                        filter,
                        unset.isEmpty() ? update : update.append("$unset", unset),
                        new UpdateOptions().collation(SIMPLE))
                .map(result -> result.getMatchedCount() > 0);
    }

    /** In a filter: the field has the value that was read. Of the messages it is their number. */
    private static BsonValue unchanged(StoredConversation read, String field) {
        if (field.equals(MESSAGES)) {
            return new BsonDocument("$size", new BsonInt32(read.inline()));
        }
        BsonValue value = read.document().get(field);
        return value == null ? new BsonDocument("$exists", BsonBoolean.FALSE) : new BsonDocument("$eq", value);
    }

    /** Deletes the caller's conversation of that id, and its blocks; false if there is none. */
    public Uni<Boolean> delete(String caller, String conversationId) {
        return documents
                .findOneAndDelete(
                        owned(caller, conversationId),
                        new FindOneAndDeleteOptions().collation(SIMPLE).projection(Projections.include(OFFLOADED)))
                .chain(deleted -> {
                    if (deleted == null) {
                        return Uni.createFrom().item(false);
                    }
                    return deleted.containsKey(OFFLOADED)
                            ? blocks.deleteOf(deleted.get(ID)).replaceWith(true)
                            : Uni.createFrom().item(true);
                });
    }

    /** How many documents were deleted. */
    public record Deleted(long conversations, long blocks) {

        private Deleted plus(Deleted other) {
            return new Deleted(conversations + other.conversations, blocks + other.blocks);
        }
    }

    /** Deletes all conversations of the caller, and their blocks. */
    public Uni<Deleted> deleteAll(String caller) {
        BsonDocument own = new BsonDocument(USER_ID, new BsonString(caller));
        DeleteOptions simple = new DeleteOptions().collation(SIMPLE);
        return Multi.createBy()
                .repeating()
                .uni(() -> documents
                        .find(
                                own.clone().append(OFFLOADED, new BsonDocument("$exists", BsonBoolean.TRUE)),
                                new FindOptions()
                                        .collation(SIMPLE)
                                        .projection(Projections.include(ID))
                                        .limit(DELETED_AT_ONCE))
                        .map(found -> found.get(ID))
                        .collect()
                        .asList())
                .until(List::isEmpty)
                .onItem()
                .transformToUniAndConcatenate(ids -> documents
                        .deleteMany(own.clone().append(ID, new BsonDocument("$in", new BsonArray(ids))), simple)
                        .chain(deleted -> Multi.createFrom()
                                .iterable(ids)
                                .onItem()
                                .transformToUniAndConcatenate(blocks::deleteOf)
                                .collect()
                                .in(() -> new long[1], (sum, n) -> sum[0] += n)
                                .map(sum -> new Deleted(deleted.getDeletedCount(), sum[0]))))
                .collect()
                .in(() -> new Deleted[] {new Deleted(0, 0)}, (sum, more) -> sum[0] = sum[0].plus(more))
                .chain(withBlocks -> documents
                        .deleteMany(own, simple)
                        .map(rest -> withBlocks[0].plus(new Deleted(rest.getDeletedCount(), 0))));
    }

    /** The {@code _id} of the selected conversation; null if there is none. */
    Uni<BsonValue> idOf(Bson selected) {
        return documents
                .find(selected, new FindOptions().collation(SIMPLE).projection(Projections.include(ID)))
                .toUni()
                .onItem()
                .ifNotNull()
                .transform(found -> found.get(ID));
    }

    /** Those of these conversations that exist, by their {@code _id}. */
    Uni<List<BsonValue>> existing(List<BsonValue> ids) {
        return documents
                .find(Filters.in(ID, ids), new FindOptions().collation(SIMPLE).projection(Projections.include(ID)))
                .map(found -> found.get(ID))
                .collect()
                .asList();
    }

    /** What changes with each of these conversations: its date and the number of its messages; by its {@code _id}. */
    Uni<Map<BsonValue, BsonDocument>> states(List<BsonValue> ids) {
        BsonDocument state = new BsonDocument(UPDATED_AT, new BsonInt32(1))
                .append(OFFLOADED, new BsonInt32(1))
                .append(MessageQuery.COUNT, operator("$size", MessageQuery.LIST));
        return documents
                .aggregate(List.of(Aggregates.match(Filters.in(ID, ids)), Aggregates.project(state)))
                .collect()
                .asMap(document -> document.get(ID));
    }
}
