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
 * Appends messages. One atomic operation appends a message and creates its conversation if there is none. A failed {@link Uni}
 * carries a {@link ServiceException}, or the driver's exception if the database failed.
 */
@ApplicationScoped
public class MessageAppender {

    /** The number of retries while others create, offload or delete the conversation. */
    private static final int ATTEMPTS = 5;

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
     * @param mark the {@code _id} of the message if the append shares an operation
     * @param newSessionId for the conversation if the append creates it
     */
    record Append(BsonDocument target, Message message, BsonObjectId mark, String newSessionId) {

        Append(BsonDocument target, Message message) {
            this(target, message, new BsonObjectId(), SessionId.random());
        }
    }

    /** The conversation changed since it was read. */
    private static final class Outdated extends RuntimeException {}

    /**
     * Appends a message. Fails with {@link ErrorCode#CONVERSATION_NOT_FOUND} if the conversation belongs to another user. If the
     * conversation has a message with the same idempotency key, nothing is written and the result is that of the first call.
     * Fails with {@link ErrorCode#KEY_REUSED} if the two messages differ.
     */
    public Uni<AppendResult> append(String caller, String conversationId, Message message) {
        return attempt(caller, conversationId, message)
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(full -> offloader
                        .makeRoom(Conversations.owned(caller, conversationId))
                        .chain(() -> attempt(caller, conversationId, message)));
    }

    private Uni<AppendResult> attempt(String caller, String conversationId, Message message) {
        BsonDocument own = Conversations.owned(caller, conversationId);
        return (message.idempotencyKey() == null ? appendShared(own, message) : appendOnce(own, message))
                .onItem()
                .ifNull()
                .switchTo(() -> requireOwner(caller, conversationId))
                .onFailure(Outdated.class)
                .retry()
                .atMost(ATTEMPTS)
                .onFailure(Outdated.class)
                .transform(outdated -> Conversations.changing());
    }

    private Uni<AppendResult> appendShared(BsonDocument own, Message message) {
        Append append = new Append(own, message);
        return conversations.isSharded() ? appendOrCreate(append) : appends.submit(append);
    }

    /**
     * Appends in one operation, and reads the positions in another: each message has an {@code _id}, which locates it. If it cannot
     * be located, it is not known whether it is stored.
     */
    Uni<List<Uni<AppendResult>>> appendAll(List<Append> all) {
        UpdateOptions upsert = new UpdateOptions().collation(Collations.SIMPLE).upsert(true);
        List<UpdateOneModel<BsonDocument>> writes = all.stream()
                .map(one -> new UpdateOneModel<BsonDocument>(
                        one.target(),
                        pushOrCreate(one.message().toBson().append(ID, one.mark()), one.message(), one.newSessionId()),
                        upsert))
                .toList();
        return Bulk.send(all.size(), conversations.documents().bulkWrite(writes, new BulkWriteOptions().ordered(false)))
                .chain(bulk -> conversations
                        .afterAppends(all.stream().map(Append::target).toList(), all.size() + FURTHER_MESSAGES)
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
        int position = newest.lastIndexOf(append.mark());
        return position < 0
                ? locate(after.get(ID), append.mark(), append.newSessionId(), append.message())
                : Uni.createFrom().item(result(after, older + position, append.newSessionId(), append.message()));
    }

    /** Appends to the target or creates it. Null if another conversation has the id. */
    private Uni<AppendResult> appendOrCreate(Append append) {
        Message message = append.message();
        BsonDocument update = pushOrCreate(message.toBson(), message, append.newSessionId());
        return conversations
                .counted(send(append.target().clone().append(MESSAGES, ALL_DOCUMENTS), update, true))
                .map(after -> counted(after, append.newSessionId(), message))
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> append(append.target(), message));
    }

    /** Appends to the target. Null if there is none. */
    private Uni<AppendResult> append(BsonDocument target, Message message) {
        return send(target.clone().append(MESSAGES, ALL_DOCUMENTS), push(message.toBson(), message), false)
                .onItem()
                .ifNotNull()
                .transform(after -> counted(after, null, message))
                .onItem()
                .ifNull()
                .switchTo(() -> appendMarked(target, message));
    }

    private AppendResult counted(BsonDocument after, String newSessionId, Message message) {
        return result(after, LenientBson.array(after, MESSAGES).size() - 1, newSessionId, message);
    }

    private AppendResult result(BsonDocument after, int position, String newSessionId, Message message) {
        String sessionId = LenientBson.string(after, SESSION_ID);
        offloader.afterAppend(after.get(ID), position + 1, message);
        int index = LenientBson.integer(after, OFFLOADED) + position;
        return new AppendResult(
                newSessionId != null && newSessionId.equals(sessionId), false, sessionId, message, index);
    }

    /** Appends to a list with elements that are not documents: the message gets an {@code _id}, which locates it afterwards. */
    private Uni<AppendResult> appendMarked(BsonDocument target, Message message) {
        BsonObjectId mark = new BsonObjectId();
        return send(target, push(message.toBson().append(ID, mark), message), false)
                .onItem()
                .ifNotNull()
                .transformToUni(after -> locate(after.get(ID), mark, null, message));
    }

    private Uni<AppendResult> locate(BsonValue conversation, BsonValue mark, String newSessionId, Message message) {
        return conversations
                .find(conversation, mark)
                .map(found -> found.map(
                                at -> result(at.conversation().document(), at.position(), newSessionId, message))
                        .orElseThrow(MessageAppender::unknownOutcome));
    }

    private static ServiceException unknownOutcome() {
        return new ServiceException(
                ErrorCode.DATABASE_UNAVAILABLE,
                "It is not known whether the message is stored. Send it again with an Idempotency-Key.");
    }

    /** Appends unless a message of the conversation has the same idempotency key. Null if the id belongs to another user. */
    private Uni<AppendResult> appendOnce(BsonDocument own, Message message) {
        return conversations.readWithKey(own, message.idempotencyKey()).chain(read -> {
            if (read == null) {
                return appendOrCreate(new Append(withoutKey(own, message, 0), message));
            }
            StoredConversation conversation = read.conversation();
            return reader.sentWith(message.idempotencyKey(), conversation, read.position())
                    .chain(sent -> sent.isPresent()
                            ? Uni.createFrom().item(repeated(conversation, sent.get(), message))
                            : append(withoutKey(own, message, conversation.offloaded()), message));
        });
    }

    /** Selects the conversation if it has no message with this key and none was offloaded since. */
    private static BsonDocument withoutKey(BsonDocument own, Message message, int offloaded) {
        BsonDocument target = own.clone()
                .append(
                        MESSAGES + "." + IDEMPOTENCY_KEY,
                        new BsonDocument("$ne", new BsonString(message.idempotencyKey())));
        target.putAll(Conversations.offloaded(offloaded));
        return target;
    }

    private static AppendResult repeated(StoredConversation conversation, MessageReader.Sent first, Message again) {
        if (!first.message().hasSameContent(again)) {
            throw new ServiceException(
                    ErrorCode.KEY_REUSED,
                    "This Idempotency-Key was sent with another request before. Use another one for this request.");
        }
        boolean created = first.index() == 0 && Objects.equals(first.message().timestamp(), conversation.createdAt());
        return new AppendResult(created, true, conversation.sessionId(), first.message(), first.index());
    }

    private static BsonDocument push(BsonDocument stored, Message message) {
        return new BsonDocument("$push", new BsonDocument(MESSAGES, stored))
                .append(
                        "$set",
                        new BsonDocument(
                                UPDATED_AT, new BsonDateTime(message.timestamp().toEpochMilli())));
    }

    private static BsonDocument pushOrCreate(BsonDocument stored, Message message, String newSessionId) {
        BsonDocument created = new BsonDocument(SESSION_ID, new BsonString(newSessionId))
                .append(CREATED_AT, new BsonDateTime(message.timestamp().toEpochMilli()));
        return push(stored, message).append("$setOnInsert", created);
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

    /** Fails: the conversation belongs to another user, or it changed since it was read. */
    private Uni<AppendResult> requireOwner(String caller, String conversationId) {
        return conversations.owner(conversationId).map(owner -> {
            throw owner.isEmpty() || owner.get().equals(caller) ? new Outdated() : Conversations.notFound();
        });
    }
}
