package consulting.lmx.conversation.store;

import static com.mongodb.client.model.ReturnDocument.AFTER;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.IDEMPOTENCY_KEY;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;

import com.mongodb.client.model.BulkWriteOptions;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import consulting.lmx.conversation.mongo.Batcher;
import consulting.lmx.conversation.mongo.Bulk;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Retry;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.MeterRegistry;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Objects;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;

/**
 * Appends messages. One atomic operation appends the messages of a call and creates their conversation if it does not
 * exist. A failed {@link Uni} carries a {@link ServiceException}, or the driver's exception if the database failed.
 */
@ApplicationScoped
public class MessageAppender {

    /** Messages of other processes, between an append and the read of its position, with which that read suffices. */
    private static final int FURTHER_MESSAGES = 8;

    /** The server's error for a push into a field that is not an array. */
    private static final int BAD_VALUE = 2;

    /** A condition: every message is a document, so that the projection of the answer counts them all. */
    private static final BsonDocument ALL_DOCUMENTS =
            BsonDocument.parse("{$not: {$elemMatch: {$not: {$type: 'object'}}}}");

    private final Conversations conversations;
    private final MessageReader reader;
    private final MessageOffloader offloader;
    private final Batcher<Append, AppendResult> appends;

    MessageAppender(
            Conversations conversations, MessageReader reader, MessageOffloader offloader, MeterRegistry meters) {
        this.conversations = conversations;
        this.reader = reader;
        this.offloader = offloader;
        this.appends = new Batcher<>("append", this::appendOrCreate, this::appendAll, meters);
    }

    /**
     * One append.
     *
     * @param target selects the conversation
     * @param messages one or more new messages
     * @param newSessionId for the conversation if the append creates it
     */
    record Append(BsonDocument target, List<Message> messages, String newSessionId) {

        Append(BsonDocument target, List<Message> messages) {
            this(target, messages, SessionId.random());
        }

        Message last() {
            return messages.get(messages.size() - 1);
        }
    }

    /**
     * Appends new messages, all or none. Fails with {@link ErrorCode#CONVERSATION_NOT_FOUND} if the conversation belongs to another
     * user. The last message may have an idempotency key: if the conversation has a message with the same key, nothing is written
     * and the result is that of the first call. Fails with {@link ErrorCode#KEY_REUSED} if the two calls differ.
     */
    public Uni<AppendResult> append(String caller, String conversationId, List<Message> messages) {
        return attempt(caller, conversationId, messages)
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(full -> offloader
                        .makeRoom(Conversations.owned(caller, conversationId))
                        .chain(() -> attempt(caller, conversationId, messages)))
                .invoke(result -> {
                    if (!result.repeated()) {
                        conversations.countStored(result.created() ? 1 : 0, messages.size());
                    }
                });
    }

    private Uni<AppendResult> attempt(String caller, String conversationId, List<Message> messages) {
        Append append = new Append(Conversations.owned(caller, conversationId), messages);
        return Retry.whileOutdated((append.last().idempotencyKey() == null ? appendShared(append) : appendOnce(append))
                .onItem()
                .ifNull()
                .switchTo(() -> requireOwner(caller, conversationId)));
    }

    private Uni<AppendResult> appendShared(Append append) {
        return conversations.isSharded() ? appendOrCreate(append) : appends.submit(append);
    }

    /**
     * Appends in one operation, and reads the positions in another: each message has an {@code _id}, which locates it. If it cannot
     * be located, it is not known whether it is stored.
     */
    Uni<List<Uni<AppendResult>>> appendAll(List<Append> all) {
        UpdateOptions upsert = new UpdateOptions().collation(Collations.SIMPLE).upsert(true);
        List<UpdateOneModel<BsonDocument>> writes = all.stream()
                .map(one -> new UpdateOneModel<BsonDocument>(one.target(), pushOrCreate(one), upsert))
                .toList();
        int appended = all.stream().mapToInt(one -> one.messages().size()).sum();
        return Bulk.send(all.size(), conversations.documents().bulkWrite(writes, new BulkWriteOptions().ordered(false)))
                .chain(bulk -> conversations
                        .afterAppends(all.stream().map(Append::target).toList(), appended + FURTHER_MESSAGES)
                        .map(after -> bulk.outcomes(all, this::appendOrCreate, i -> locate(all.get(i), after.get(i))))
                        .onFailure()
                        .recoverWithItem(failure -> bulk.outcomes(
                                all, this::appendOrCreate, i -> Uni.createFrom().failure(failure))));
    }

    Uni<AppendResult> locate(Append append, BsonDocument after) {
        if (after == null) {
            return Uni.createFrom().failure(MessageAppender::unknownOutcome);
        }
        BsonArray newest = LenientBson.array(after, MessageQuery.NEWEST_IDS);
        int older = after.getNumber(MessageQuery.COUNT).intValue() - newest.size();
        int position = newest.lastIndexOf(new BsonObjectId(append.last().id()));
        return position < 0
                ? find(append, after.get(ID))
                : Uni.createFrom().item(result(append, after, older + position));
    }

    /** Appends to the target or creates it. Null if another conversation has the id. */
    private Uni<AppendResult> appendOrCreate(Append append) {
        return conversations
                .counted(send(append.target().clone().append(MESSAGES, ALL_DOCUMENTS), pushOrCreate(append), true))
                .map(after -> counted(append, after))
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> appendToExisting(append));
    }

    /** Appends to the target. Null if there is none. */
    private Uni<AppendResult> appendToExisting(Append append) {
        return send(append.target().clone().append(MESSAGES, ALL_DOCUMENTS), push(append), false)
                .onItem()
                .ifNotNull()
                .transform(after -> counted(append, after))
                .onItem()
                .ifNull()
                .switchTo(() -> appendAndFind(append));
    }

    private AppendResult counted(Append append, BsonDocument after) {
        return result(append, after, LenientBson.array(after, MESSAGES).size() - 1);
    }

    /** The result if the last message is at this position of the document. */
    private AppendResult result(Append append, BsonDocument after, int position) {
        String sessionId = LenientBson.string(after, SESSION_ID);
        offloader.afterAppend(after.get(ID), position + 1, append.messages());
        int last = LenientBson.integer(after, OFFLOADED) + position;
        return new AppendResult(
                append.newSessionId().equals(sessionId),
                false,
                sessionId,
                append.messages(),
                last + 1 - append.messages().size());
    }

    /** Appends to a list with elements that are not documents. */
    private Uni<AppendResult> appendAndFind(Append append) {
        return send(append.target(), push(append), false)
                .onItem()
                .ifNotNull()
                .transformToUni(after -> find(append, after.get(ID)));
    }

    /** Finds the last message by its {@code _id}. */
    private Uni<AppendResult> find(Append append, BsonValue conversation) {
        return conversations
                .find(conversation, new BsonObjectId(append.last().id()))
                .map(found -> found.map(at -> result(append, at.conversation().document(), at.position()))
                        .orElseThrow(MessageAppender::unknownOutcome));
    }

    private static ServiceException unknownOutcome() {
        return new ServiceException(
                ErrorCode.DATABASE_UNAVAILABLE,
                "It is not known whether the message is stored. Send it again with an Idempotency-Key.");
    }

    /** Appends unless a message of the conversation has the same idempotency key. Null if the id belongs to another user. */
    private Uni<AppendResult> appendOnce(Append append) {
        String key = append.last().idempotencyKey();
        return conversations.readWithKey(append.target(), key).chain(read -> {
            if (read == null) {
                return appendOrCreate(withoutKey(append, 0));
            }
            StoredConversation conversation = read.conversation();
            return reader.sentWith(
                            key,
                            conversation,
                            read.position(),
                            append.messages().size())
                    .chain(sent -> sent.isPresent()
                            ? Uni.createFrom().item(repeated(conversation, sent.get(), append.last()))
                            : appendToExisting(withoutKey(append, conversation.offloaded())));
        });
    }

    /** Selects the conversation if it has no message with this key and none was offloaded since. */
    private static Append withoutKey(Append append, int offloaded) {
        BsonString key = new BsonString(append.last().idempotencyKey());
        BsonDocument target = append.target()
                .clone()
                .append(MESSAGES + "." + IDEMPOTENCY_KEY, new BsonDocument("$ne", key))
                .append(OFFLOADED, Conversations.count(offloaded));
        return new Append(target, append.messages());
    }

    private static AppendResult repeated(StoredConversation conversation, MessageReader.Page sent, Message again) {
        Message last = sent.last();
        if (!last.isOfSameRequest(again)) {
            throw new ServiceException(
                    ErrorCode.KEY_REUSED,
                    "This Idempotency-Key was sent with another request before. Use another one for this request.");
        }
        boolean created = sent.first() == 0 && Objects.equals(last.timestamp(), conversation.createdAt());
        return new AppendResult(created, true, conversation.sessionId(), sent.messages(), sent.first());
    }

    private static BsonDocument push(Append append) {
        BsonArray messages =
                new BsonArray(append.messages().stream().map(Message::toBson).toList());
        return new BsonDocument("$push", new BsonDocument(MESSAGES, new BsonDocument("$each", messages)))
                .append("$set", new BsonDocument(UPDATED_AT, timestamp(append)));
    }

    private static BsonDocument pushOrCreate(Append append) {
        BsonDocument created = new BsonDocument(SESSION_ID, new BsonString(append.newSessionId()))
                .append(CREATED_AT, timestamp(append));
        return push(append).append("$setOnInsert", created);
    }

    private static BsonDateTime timestamp(Append append) {
        return new BsonDateTime(append.last().timestamp().toEpochMilli());
    }

    private Uni<BsonDocument> send(BsonDocument target, BsonDocument update, boolean upsert) {
        // A field that no message has: the answer holds one empty document a message, which every server supports.
        FindOneAndUpdateOptions options = new FindOneAndUpdateOptions()
                .collation(Collations.SIMPLE)
                .upsert(upsert)
                .returnDocument(AFTER)
                .projection(Projections.include(SESSION_ID, OFFLOADED, MESSAGES + ".none"));
        Uni<BsonDocument> sent = conversations.documents().findOneAndUpdate(target, update, options);
        return sent.onFailure(failure -> DriverFailure.hasCode(failure, BAD_VALUE))
                .recoverWithUni(
                        noList -> nullToNoMessages(target)
                                .chain(() -> sent)
                                .onFailure(failure -> DriverFailure.hasCode(failure, BAD_VALUE))
                                .transform(
                                        stillNoList -> new ServiceException(
                                                ErrorCode.CONFLICT,
                                                "The stored messages of this conversation are not a list, so nothing can be appended.")));
    }

    /** Replaces null, which old documents may hold instead of a list. */
    private Uni<Void> nullToNoMessages(BsonDocument target) {
        return conversations
                .documents()
                .updateOne(
                        target.clone()
                                .append(MESSAGES, new BsonDocument("$type", new BsonInt32(BsonType.NULL.getValue()))),
                        new BsonDocument("$set", new BsonDocument(MESSAGES, new BsonArray())),
                        new UpdateOptions().collation(Collations.SIMPLE))
                .replaceWithVoid();
    }

    /** Fails if the conversation belongs to another user; else it changed since it was read, and the item is null. */
    private Uni<AppendResult> requireOwner(String caller, String conversationId) {
        return conversations.owner(conversationId).map(owner -> {
            if (owner.isPresent() && !owner.get().equals(caller)) {
                throw Conversations.notFound();
            }
            return null;
        });
    }
}
