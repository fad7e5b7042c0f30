package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.ARCHIVED;
import static consulting.lmx.conversation.store.ConversationFields.COLLECTION;
import static consulting.lmx.conversation.store.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.FROM;
import static consulting.lmx.conversation.store.ConversationFields.GENERATIONS;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.METADATA_BYTES;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.REVISION;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.TRUNCATIONS;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.USER_ID;
import static consulting.lmx.conversation.store.MessageQuery.operator;

import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.DeleteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.FindOneAndDeleteOptions;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.client.result.DeleteResult;
import com.mongodb.connection.ClusterType;
import consulting.lmx.conversation.mongo.Batcher;
import consulting.lmx.conversation.mongo.Bulk;
import consulting.lmx.conversation.mongo.CallersContext;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.mongodb.AggregateOptions;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonMinKey;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.conversions.Bson;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * The repository of conversations. All access to the collection goes through this class, {@link MessageAppender},
 * {@link InlineMessages} or {@link ChangeFeed}. A filter names the owner beside the id, and compares strings byte by byte
 * whatever collation the collection has. A failed {@link Uni} carries a {@link ServiceException}, or the driver's exception if
 * the database failed.
 */
@ApplicationScoped
public class Conversations {

    /** The fields that a read of messages needs. */
    static final List<String> POSITION = List.of(OFFLOADED, GENERATIONS, REVISION, TRUNCATIONS);

    /** The most memory that is read without a reservation, in bytes. */
    static final long SHORT_BYTES = 64 * 1024;

    /** The most metadata that is read without a reservation of memory, in bytes: what a caller can store. */
    private static final int MAX_METADATA_BYTES = 8 * 1024;

    private static final int METADATA_DEPTH = 4;

    /** The memory that is reserved for metadata that another program stored, in bytes. */
    private static final long LARGE_METADATA = 4 * 1024 * 1024;

    private static final BsonDocument IS_SHORT = MessageQuery.isShort(SHORT_BYTES);
    private static final BsonDocument IS_SHORT_WITH_METADATA =
            operator("$and", ValueSize.isAtMost(METADATA, 1, MAX_METADATA_BYTES), IS_SHORT);

    /** In a result: stands for metadata that is larger than a caller can store. */
    private static final BsonValue TOO_LARGE = new BsonMinKey();

    /** An expression: the metadata, or {@link #TOO_LARGE}. */
    private static final BsonDocument BOUNDED_METADATA = operator(
            "$cond",
            ValueSize.isAtMost(METADATA, METADATA_DEPTH, MAX_METADATA_BYTES),
            new BsonString("$" + METADATA),
            TOO_LARGE);

    /** In a list's result: a list that contains the newest message. */
    static final String LAST_MESSAGE = "lastMessage";

    /** The most characters of the content of {@link #LAST_MESSAGE}. */
    static final int LAST_MESSAGE_CHARACTERS = 200;

    private static final BsonDocument LISTED_WITHOUT_MESSAGE = listed();
    private static final BsonDocument LISTED =
            listed().append(LAST_MESSAGE, MessageQuery.newest(LAST_MESSAGE_CHARACTERS));
    private static final BsonDocument FIELDS_AND_MESSAGES = MessageQuery.projection(StoredConversation.FIELDS);
    private static final BsonDocument POSITION_AND_MESSAGES = MessageQuery.projection(POSITION);

    private static final String POSITION_OF = "position";

    private final ReactiveMongoClient client;
    private final ReactiveMongoCollection<BsonDocument> documents;
    private final ReactiveMongoCollection<Conversation> entities;
    private final MessageBlocks blocks;
    private final Batcher<BsonDocument, BsonDocument> reads;
    private final Batcher<Conversation, Conversation> inserts;
    private final Counter started;
    private final Counter messages;
    private final Counter duplicateKeys;

    Conversations(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String database,
            MessageBlocks blocks,
            MeterRegistry meters) {
        this.client = client;
        this.documents = client.getDatabase(database).getCollection(COLLECTION, BsonDocument.class);
        this.entities = documents.withDocumentClass(Conversation.class);
        this.blocks = blocks;
        this.reads = new Batcher<>("read", this::findShort, this::findAllShort, meters);
        this.inserts = new Batcher<>("insert", one -> one.persist(), this::insertAll, meters);
        this.started = meters.counter("conversations.started");
        this.messages = meters.counter("conversations.messages");
        this.duplicateKeys = meters.counter("conversations.duplicate.key");
    }

    /** Stores a new conversation. Fails with the server's duplicate key error if one of its ids is taken. */
    public Uni<StoredConversation> insert(Conversation conversation) {
        return counted(inserts.submit(conversation))
                .invoke(stored -> countStored(1, stored.messages.size()))
                .map(StoredConversation::of);
    }

    /** Counts new conversations and messages. */
    void countStored(int conversations, int newMessages) {
        started.increment(conversations);
        messages.increment(newMessages);
    }

    /** Stores new conversations. */
    Uni<List<Uni<Conversation>>> insertAll(List<Conversation> all) {
        all.forEach(Conversation::beforeSave);
        List<InsertOneModel<Conversation>> writes =
                all.stream().map(InsertOneModel::new).toList();
        return Bulk.send(all.size(), entities.bulkWrite(writes, new BulkWriteOptions().ordered(false)))
                .map(bulk -> bulk.outcomes(
                        all,
                        rejected -> entities.insertOne(rejected).replaceWith(rejected),
                        i -> Uni.createFrom().item(all.get(i))));
    }

    /** Counts a write that fails because of a duplicate key. */
    <T> Uni<T> counted(Uni<T> write) {
        return write.onFailure(DriverFailure::isDuplicateKey).invoke(failure -> duplicateKeys.increment());
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

    /** Selects this document if it still belongs to the caller. */
    public static BsonDocument same(String caller, BsonValue id) {
        return new BsonDocument(ID, id).append(USER_ID, new BsonString(caller));
    }

    /** Selects this document if its messages did not change since it was read, unless messages were appended. */
    static BsonDocument unmoved(StoredConversation read) {
        return new BsonDocument(ID, read.id())
                .append(OFFLOADED, count(read.offloaded()))
                .append(REVISION, count(read.revision()));
    }

    /** The error for a caller who has no such conversation. */
    public static ServiceException notFound() {
        return new ServiceException(ErrorCode.CONVERSATION_NOT_FOUND, "You have no such conversation.");
    }

    ReactiveMongoCollection<BsonDocument> documents() {
        return documents;
    }

    /** Returns the first result of an aggregation, or null. */
    Uni<BsonDocument> first(List<? extends Bson> pipeline) {
        return CallersContext.keep(aggregate(pipeline).toUni());
    }

    private Multi<BsonDocument> aggregate(List<? extends Bson> pipeline) {
        return documents.aggregate(pipeline, new AggregateOptions().collation(Collations.SIMPLE));
    }

    /** A conversation and the part of the requested messages that its document holds. */
    record Read(StoredConversation conversation, MessagePart inline) {}

    /**
     * Reads the selected conversation and the messages in the window that its document holds. Returns the sizes of the messages
     * instead if they exceed {@link #SHORT_BYTES}, and null if there is no such conversation.
     */
    Uni<Read> read(BsonDocument selected, List<String> fields, MessageWindow window) {
        return readShort(selected, fields, window)
                .onFailure(DriverFailure::isRejected)
                .recoverWithNull()
                .onItem()
                .ifNull()
                .switchTo(() -> readMeasured(selected, fields, window, SHORT_BYTES));
    }

    /** Reads by a query, which costs the server half. Null if there is more text; fails if a message is not text. */
    private Uni<Read> readShort(BsonDocument selected, List<String> fields, MessageWindow window) {
        return findShort(selected, fields).onItem().ifNotNull().transform(found -> {
            List<Message> messages = LenientBson.array(found, MESSAGES).stream()
                    .map(Message::fromBson)
                    .toList();
            StoredConversation conversation = new StoredConversation(found, messages.size());
            return new Read(conversation, MessagePart.of(conversation.offloaded(), messages, window));
        });
    }

    private Uni<BsonDocument> findShort(BsonDocument selected, List<String> fields) {
        if (selected.containsKey(CONVERSATION_ID) && !isSharded()) {
            return reads.submit(selected); // all known fields, so that all such reads can share operations
        }
        return fields == POSITION
                ? find(selected, IS_SHORT, POSITION_AND_MESSAGES).toUni()
                : findShort(selected);
    }

    private Uni<BsonDocument> findShort(BsonDocument selected) {
        return find(selected, IS_SHORT_WITH_METADATA, FIELDS_AND_MESSAGES).toUni();
    }

    private Multi<BsonDocument> find(BsonDocument selected, BsonDocument condition, BsonDocument projection) {
        BsonDocument filter = new BsonDocument(4);
        filter.putAll(selected);
        filter.append("$expr", condition);
        return documents.find(
                filter, new FindOptions().collation(Collations.SIMPLE).projection(projection));
    }

    Uni<List<Uni<BsonDocument>>> findAllShort(List<BsonDocument> selected) {
        return byOwner(selected, find(anyOf(selected), IS_SHORT_WITH_METADATA, FIELDS_AND_MESSAGES))
                .map(all -> all.stream().map(one -> Uni.createFrom().item(one)).toList())
                .onFailure(failure -> !DriverFailure.isUnavailable(failure)) // perhaps one of them is the reason
                .recoverWithItem(() -> selected.stream().map(this::findShort).toList());
    }

    private static BsonDocument anyOf(List<BsonDocument> selected) {
        List<BsonValue> ids = selected.stream()
                .map(one -> one.get(CONVERSATION_ID))
                .distinct()
                .toList();
        return new BsonDocument(CONVERSATION_ID, new BsonDocument("$in", new BsonArray(ids)));
    }

    /** For each {@link #owned} conversation what was found of it, or null: nobody gets a conversation of another user. */
    private static Uni<List<BsonDocument>> byOwner(List<BsonDocument> owned, Multi<BsonDocument> found) {
        return found.collect()
                .asMultiMap(one -> one.get(CONVERSATION_ID))
                .map(byId -> owned.stream()
                        .map(own -> byId.getOrDefault(own.get(CONVERSATION_ID), List.of()).stream()
                                .filter(one -> own.get(USER_ID).equals(one.get(USER_ID)))
                                .findFirst()
                                .orElse(null))
                        .toList());
    }

    /**
     * Reads what a caller learns of each {@link #owned} conversation after an append, with the {@code _id}s of its newest messages;
     * null for one that does not exist.
     */
    Uni<List<BsonDocument>> afterAppends(List<BsonDocument> owned, int newest) {
        BsonDocument projection = MessageQuery.include(List.of(CONVERSATION_ID, USER_ID, SESSION_ID, OFFLOADED))
                .append(MessageQuery.COUNT, operator("$size", MessageQuery.LIST))
                .append(MessageQuery.NEWEST_IDS, MessageQuery.newestIds(newest));
        return byOwner(owned, aggregate(List.of(Aggregates.match(anyOf(owned)), Aggregates.project(projection))));
    }

    /** On shards, {@code $in} would ask each of them. */
    boolean isSharded() {
        return client.unwrap().getClusterDescription().getType() == ClusterType.SHARDED;
    }

    /**
     * Counts the messages of the selected conversation; null if it does not exist.
     *
     * @param whole true to read all known fields, and metadata as {@link #withMetadata} expects it
     */
    public Uni<StoredConversation> head(BsonDocument selected, boolean whole) {
        BsonDocument fields = whole
                ? MessageQuery.include(StoredConversation.FIELDS).append(METADATA, BOUNDED_METADATA)
                : MessageQuery.include(POSITION);
        return CallersContext.keep(heads(selected, fields).toUni());
    }

    private Multi<StoredConversation> heads(BsonDocument selected, BsonDocument fields) {
        BsonDocument projection = fields.append(MessageQuery.COUNT, operator("$size", MessageQuery.LIST));
        return aggregate(List.of(Aggregates.match(selected), Aggregates.project(projection)))
                .map(found -> new StoredConversation(
                        found, found.getNumber(MessageQuery.COUNT).intValue()));
    }

    /** Finds the conversations of all users with this conversationId or sessionId, at most two, without title and metadata. */
    public Uni<List<StoredConversation>> withId(String id) {
        BsonArray either = new BsonArray(Stream.of(CONVERSATION_ID, SESSION_ID)
                .map(field -> new BsonDocument(field, new BsonString(id)))
                .toList());
        List<String> fields = StoredConversation.FIELDS.stream()
                .filter(field -> !field.equals(TITLE) && !field.equals(METADATA))
                .toList();
        return CallersContext.keep(heads(new BsonDocument("$or", either), MessageQuery.include(fields))
                .collect()
                .asList());
    }

    /** Reads by an aggregation, which returns the sizes instead if there is more text than {@code maxBytes}. */
    Uni<Read> readMeasured(Bson selected, List<String> fields, MessageWindow window, long maxBytes) {
        BsonString offloaded = new BsonString("$" + OFFLOADED);
        BsonValue isNumber = operator(
                "$and", operator("$gt", offloaded, new BsonInt32(0)), operator("$lt", offloaded, new BsonString("")));
        BsonValue first = operator("$cond", isNumber, offloaded, new BsonInt32(0));
        List<Bson> pipeline = new ArrayList<>(List.of(Aggregates.match(selected)));
        pipeline.addAll(MessageQuery.stages(fields, first, window, maxBytes));
        if (fields.contains(METADATA)) {
            pipeline.add(new BsonDocument("$addFields", new BsonDocument(METADATA, BOUNDED_METADATA)));
        }
        return first(pipeline).onItem().ifNotNull().transform(found -> {
            StoredConversation conversation = new StoredConversation(
                    found, found.getNumber(MessageQuery.COUNT).intValue());
            return new Read(conversation, MessagePart.of(found, conversation.offloaded(), window));
        });
    }

    /** The memory to reserve for {@link #withMetadata}; 0 if it reads nothing. */
    public static long metadataBytes(StoredConversation read) {
        return TOO_LARGE.equals(read.document().get(METADATA)) ? LARGE_METADATA : 0;
    }

    /** Reads the metadata of a conversation if it was too large to be read with it. */
    public Uni<StoredConversation> withMetadata(StoredConversation read) {
        if (metadataBytes(read) == 0) {
            return Uni.createFrom().item(read);
        }
        FindOptions options = new FindOptions().projection(Projections.include(METADATA));
        return CallersContext.keep(documents
                        .find(new BsonDocument(ID, read.id()), RawBsonDocument.class, options)
                        .toUni())
                .map(found -> found == null ? read : read.with(METADATA, found.get(METADATA)));
    }

    /** A conversation, and the position of a message in its document; -1 if the message is not there. */
    record Located(StoredConversation conversation, int position) {}

    /** Finds the message with this idempotency key in the document of the selected conversation; null if it does not exist. */
    Uni<Located> readWithKey(Bson selected, String key) {
        BsonDocument projection = MessageQuery.include(
                        List.of(SESSION_ID, CREATED_AT, OFFLOADED, GENERATIONS, REVISION))
                .append(POSITION_OF, MessageQuery.positionOfKey(key));
        return first(List.of(Aggregates.match(selected), Aggregates.project(projection)))
                .onItem()
                .ifNotNull()
                .transform(Conversations::located);
    }

    /** Finds the message with this {@code _id} in the document; empty if it is not there. */
    Uni<Optional<Located>> find(BsonValue conversation, BsonValue message) {
        BsonDocument projection = MessageQuery.include(List.of(SESSION_ID, OFFLOADED))
                .append(POSITION_OF, MessageQuery.positionOf(new BsonString("$$message." + ID), message));
        return first(List.of(Aggregates.match(new BsonDocument(ID, conversation)), Aggregates.project(projection)))
                .map(found -> Optional.ofNullable(found)
                        .map(Conversations::located)
                        .filter(located -> located.position() >= 0));
    }

    private static Located located(BsonDocument found) {
        return new Located(
                new StoredConversation(found, 0), found.getNumber(POSITION_OF).intValue());
    }

    /** Returns the owner of a conversation, {@code ""} if it has none; empty if there is no conversation of that id. */
    Uni<Optional<String>> owner(String conversationId) {
        return documents
                .find(
                        new BsonDocument(CONVERSATION_ID, new BsonString(conversationId)),
                        new FindOptions().collation(Collations.SIMPLE).projection(Projections.include(USER_ID)))
                .toUni()
                .map(found -> Optional.ofNullable(found)
                        .map(conversation -> Optional.ofNullable(LenientBson.string(conversation, USER_ID))
                                .orElse("")));
    }

    /** A condition on {@link ConversationFields#OFFLOADED} or {@link ConversationFields#REVISION}: a missing field counts as 0. */
    static BsonValue count(int count) {
        return count == 0 ? new BsonDocument("$not", new BsonDocument("$gt", new BsonInt32(0))) : new BsonInt32(count);
    }

    /**
     * Lists the caller's conversations, newest first, with the newest message, and without title or metadata that are larger than
     * a caller can store. Returns one more than {@code limit} if there are more. The server sorts on disk if an {@code updatedAt}
     * in the collection is an array, because then it cannot read the order from the index.
     *
     * @param archived lists only conversations that are archived, or only those that are not; empty: all
     * @param after the position that the list continues from
     */
    public Uni<List<StoredConversation>> list(
            String caller, int limit, Optional<Boolean> archived, Optional<ListPosition> after) {
        BsonDocument filter = after.map(position -> position.filter(caller))
                .orElseGet(() -> new BsonDocument(USER_ID, new BsonString(caller)));
        archived.ifPresent(only -> filter.append(ARCHIVED, new BsonDocument(only ? "$eq" : "$ne", BsonBoolean.TRUE)));
        // The server cannot cut text that is not valid UTF-8. Another program may have stored such a message.
        return list(filter, limit, LISTED)
                .onFailure(DriverFailure::isRejected)
                .recoverWithUni(() -> list(filter, limit, LISTED_WITHOUT_MESSAGE));
    }

    private Uni<List<StoredConversation>> list(BsonDocument filter, int limit, BsonDocument projection) {
        List<Bson> pipeline = List.of(
                Aggregates.match(filter),
                Aggregates.sort(Sorts.descending(UPDATED_AT, ID)),
                Aggregates.limit(limit + 1),
                Aggregates.project(projection));
        return documents
                .aggregate(
                        pipeline,
                        RawBsonDocument.class,
                        new AggregateOptions().collation(Collations.SIMPLE).allowDiskUse(true))
                .map(found -> new StoredConversation(found, 0))
                .collect()
                .asList();
    }

    private static BsonDocument listed() {
        BsonDocument title = operator(
                "$cond", ValueSize.isAtMost(TITLE, 0, MAX_METADATA_BYTES), new BsonString("$" + TITLE), BsonNull.VALUE);
        return MessageQuery.include(List.of(CONVERSATION_ID, SESSION_ID, USER_ID, CREATED_AT, UPDATED_AT, OFFLOADED))
                .append(TITLE, title)
                .append(METADATA, BOUNDED_METADATA)
                .append(ARCHIVED, operator("$eq", new BsonString("$" + ARCHIVED), BsonBoolean.TRUE))
                .append(ListPosition.SORTED_BY, ListPosition.SORT_VALUE);
    }

    /**
     * Updates title, metadata, {@code archived} and {@code updatedAt} if the fields named in {@code unchanged} still have the values that were
     * read. Returns whether they had.
     */
    public Uni<Boolean> update(StoredConversation read, StoredConversation changed, List<String> unchanged) {
        BsonDocument filter = same(read.userId(), read.id());
        addUnchanged(filter, read, unchanged);
        BsonDocument set = new BsonDocument();
        BsonDocument unset = new BsonDocument();
        Stream.of(TITLE, METADATA, ARCHIVED, UPDATED_AT)
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
        return updateOne(filter, unset.isEmpty() ? update : update.append("$unset", unset));
    }

    private static void addUnchanged(BsonDocument filter, StoredConversation read, List<String> fields) {
        for (String field : fields) {
            if (!field.equals(MESSAGES)) {
                filter.append(field, unchanged(read, field));
            } else if (read.inline() > 0) {
                filter.append(MESSAGES, new BsonDocument("$size", new BsonInt32(read.inline())));
            } else {
                filter.append(MESSAGES + ".0", new BsonDocument("$exists", BsonBoolean.FALSE));
            }
        }
    }

    /**
     * Removes the message of this index, which the document holds, and all after it, if the fields named in {@code unchanged} still
     * have the values that were read. Returns whether it did.
     */
    public Uni<Boolean> truncate(
            String caller, StoredConversation read, int from, List<String> unchanged, Instant now) {
        BsonDocument filter = unmoved(read).append(USER_ID, new BsonString(caller));
        addUnchanged(filter, read, unchanged);
        BsonDocument set = nextRevision(read, now);
        BsonDocument truncation = new BsonDocument(REVISION, set.get(REVISION)).append(FROM, new BsonInt32(from));
        BsonDocument push = new BsonDocument(MESSAGES, keep(List.of(), from - read.offloaded()))
                .append(TRUNCATIONS, keep(List.of(truncation), -StoredConversation.TRUNCATIONS_KEPT));
        return updateOne(filter, new BsonDocument("$push", push).append("$set", set));
    }

    private static BsonDocument nextRevision(StoredConversation read, Instant now) {
        return new BsonDocument(REVISION, new BsonInt32(read.revision() + 1))
                .append(UPDATED_AT, new BsonDateTime(now.toEpochMilli()));
    }

    private static BsonDocument keep(List<BsonDocument> added, int slice) {
        return new BsonDocument("$each", new BsonArray(added)).append("$slice", new BsonInt32(slice));
    }

    /**
     * Replaces the metadata of a message that the document holds, if the conversation's messages did not change since they were read,
     * except by appends. Returns whether it did. Metadata that another program stored without its size is not replaced.
     *
     * @param before the metadata that was read; null if there was none
     * @param now the new metadata; null removes it
     */
    public Uni<Boolean> setMetadata(
            String caller,
            StoredConversation read,
            int index,
            Message.SizedMetadata before,
            Message.SizedMetadata now,
            Instant updatedAt) {
        String message = MESSAGES + "." + (index - read.offloaded());
        BsonDocument filter = unmoved(read)
                .append(USER_ID, new BsonString(caller))
                .append(message, new BsonDocument("$type", new BsonInt32(BsonType.DOCUMENT.getValue())))
                .append(
                        message + "." + (before == null ? METADATA : METADATA_BYTES),
                        new BsonDocument("$exists", BsonBoolean.valueOf(before != null)));
        BsonDocument set = nextRevision(read, updatedAt);
        BsonDocument update = new BsonDocument("$set", set);
        if (now == null) {
            update.append(
                    "$unset",
                    new BsonDocument(message + "." + METADATA, BsonBoolean.TRUE)
                            .append(message + "." + METADATA_BYTES, BsonBoolean.TRUE));
        } else {
            set.append(message + "." + METADATA, now.value())
                    .append(message + "." + METADATA_BYTES, new BsonInt32(now.bytes()));
        }
        return updateOne(filter, update);
    }

    private Uni<Boolean> updateOne(BsonDocument filter, BsonDocument update) {
        return documents
                .updateOne(filter, update, new UpdateOptions().collation(Collations.SIMPLE))
                .map(result -> result.getMatchedCount() > 0);
    }

    /** A condition: the field has the value that was read. */
    private static BsonValue unchanged(StoredConversation read, String field) {
        BsonValue value = read.document().get(field);
        if (value == null) {
            return new BsonDocument("$exists", BsonBoolean.FALSE);
        }
        return value.getBsonType() == BsonType.UNDEFINED
                ? new BsonDocument("$type", new BsonInt32(BsonType.UNDEFINED.getValue()))
                : new BsonDocument("$eq", value);
    }

    /** Deletes the caller's conversation of that id and its blocks; false if there is none. */
    public Uni<Boolean> delete(String caller, String conversationId) {
        return documents
                .findOneAndDelete(
                        owned(caller, conversationId),
                        new FindOneAndDeleteOptions()
                                .collation(Collations.SIMPLE)
                                .projection(Projections.include(OFFLOADED)))
                .chain(deleted -> {
                    if (deleted == null) {
                        return Uni.createFrom().item(false);
                    }
                    return deleted.containsKey(OFFLOADED)
                            ? blocks.deleteOf(deleted.get(ID)).replaceWith(true)
                            : Uni.createFrom().item(true);
                });
    }

    /** The numbers of deleted documents. */
    public record Deleted(long conversations, long blocks) {

        private Deleted plus(Deleted other) {
            return new Deleted(conversations + other.conversations, blocks + other.blocks);
        }
    }

    /** Deletes all conversations of the caller and their blocks: first those with blocks, one at a time, then all others. */
    public Uni<Deleted> deleteAll(String caller) {
        BsonDocument own = new BsonDocument(USER_ID, new BsonString(caller));
        return documents
                .find(
                        own.clone().append(OFFLOADED, new BsonDocument("$exists", BsonBoolean.TRUE)),
                        new FindOptions().collation(Collations.SIMPLE).projection(Projections.include(ID)))
                .map(found -> own.clone().append(ID, found.get(ID)))
                .onItem()
                .transformToUniAndConcatenate(one -> deleteMany(one)
                        .chain(deleted -> blocks.deleteOf(one.get(ID)).map(n -> new Deleted(deleted, n))))
                .onCompletion()
                .switchTo(
                        () -> deleteMany(own).map(rest -> new Deleted(rest, 0)).toMulti())
                .collect()
                .with(Collectors.reducing(new Deleted(0, 0), Deleted::plus));
    }

    private Uni<Long> deleteMany(BsonDocument selected) {
        return documents
                .deleteMany(selected, new DeleteOptions().collation(Collations.SIMPLE))
                .map(DeleteResult::getDeletedCount);
    }

    /** Returns the {@code _id} of the selected conversation, or null. */
    Uni<BsonValue> idOf(Bson selected) {
        return documents
                .find(selected, new FindOptions().collation(Collations.SIMPLE).projection(Projections.include(ID)))
                .toUni()
                .onItem()
                .ifNotNull()
                .transform(found -> found.get(ID));
    }

    /** Returns the ids of those conversations that exist. */
    Uni<List<BsonValue>> existing(List<BsonValue> ids) {
        return documents
                .find(
                        Filters.in(ID, ids),
                        new FindOptions().collation(Collations.SIMPLE).projection(Projections.include(ID)))
                .map(found -> found.get(ID))
                .collect()
                .asList();
    }

    /** Returns, by {@code _id}, the fields that change with every write. */
    Uni<Map<BsonValue, BsonDocument>> states(List<BsonValue> ids) {
        BsonDocument state = new BsonDocument(UPDATED_AT, new BsonInt32(1))
                .append(OFFLOADED, new BsonInt32(1))
                .append(REVISION, new BsonInt32(1))
                .append(MessageQuery.COUNT, operator("$size", MessageQuery.LIST));
        return documents
                .aggregate(List.of(Aggregates.match(Filters.in(ID, ids)), Aggregates.project(state)))
                .collect()
                .asMap(document -> document.get(ID));
    }
}
