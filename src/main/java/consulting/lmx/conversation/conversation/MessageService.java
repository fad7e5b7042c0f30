package consulting.lmx.conversation.conversation;

import static com.mongodb.client.model.ReturnDocument.AFTER;
import static consulting.lmx.conversation.conversation.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.MOVED;
import static consulting.lmx.conversation.conversation.ConversationFields.RETRY_KEY;
import static consulting.lmx.conversation.conversation.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.conversation.ConversationFields.USER_ID;

import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.conversation.MessageStore.Indexed;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonType;

/**
 * Appends messages: each by one atomic operation, which creates the conversation where there is none. A failed {@link Uni}
 * carries a {@link ServiceException}, or the driver's own exception where the database failed.
 */
@ApplicationScoped
public class MessageService {

    /** How often an append looks again when the conversation comes and goes beneath it. */
    private static final int ATTEMPTS = 5;

    /** What the server says of an append to a field that is there and no array. */
    private static final int BAD_VALUE = 2;

    private final ConversationService conversations;
    private final MessageStore store;
    private final MessageMover mover;
    private final LimitsConfig limits;
    private final Counter started;
    private final Counter messages;
    private final Counter duplicateKeys;

    MessageService(
            ConversationService conversations,
            MessageStore store,
            MessageMover mover,
            LimitsConfig limits,
            MeterRegistry meters) {
        this.conversations = conversations;
        this.store = store;
        this.mover = mover;
        this.limits = limits;
        this.started = meters.counter("conversations.started");
        this.messages = meters.counter("conversations.messages");
        this.duplicateKeys = meters.counter("conversations.duplicate.key");
    }

    /**
     * Appends a message, in one atomic operation; where there is no such conversation it is created by the same one. A
     * conversation of somebody else answers {@link ErrorCode#CONVERSATION_NOT_FOUND} and stays as it is.
     */
    Uni<Appended> append(String caller, String conversationId, NewMessage request, Optional<RetryKey> key) {
        limits.requireFits(request.content(), ConversationFields.CONTENT);
        Message message =
                request.at(Conversation.now()).under(key.map(RetryKey::text).orElse(null));
        return appendWithRoom(caller, conversationId, message).invoke(appended -> {
            if (appended.message() == message) {
                messages.increment();
                if (appended.created()) {
                    started.increment();
                }
            }
        });
    }

    /** Some messages of a conversation: the newest, those before an index, or those after one; both bounds exclusive. */
    Uni<MessagePage> page(
            String caller, String conversationId, int limit, Optional<Integer> before, Optional<Integer> after) {
        return conversations.get(caller, conversationId).chain(conversation -> {
            MessageRange range = MessageRange.of(conversation.messageCount(), limit, before, after);
            return store.range(conversation, range.from(), range.to())
                    .map(found -> new MessagePage(MessageView.of(found, range.from()), range.hasMore()));
        });
    }

    /** Where the document is full, a block of it is moved first. */
    private Uni<Appended> appendWithRoom(String caller, String conversationId, Message message) {
        return appendOrCreate(caller, conversationId, message)
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(() -> mover.makeRoom(ConversationService.owned(caller, conversationId))
                        .chain(() -> appendOrCreate(caller, conversationId, message)));
    }

    /**
     * Creates nothing where messages were moved: an upsert whose filter asks for a conversation of which none were would find
     * none, insert, and fail on the unique index. So what comes under a key asks first.
     */
    private Uni<Appended> appendOrCreate(String caller, String conversationId, Message message) {
        return message.retryKey() == null
                ? upsert(caller, conversationId, message, ATTEMPTS)
                : moved(caller, conversationId)
                        .chain(moved -> moved > 0
                                ? appendToExisting(caller, conversationId, message, ATTEMPTS)
                                : upsert(caller, conversationId, message, ATTEMPTS));
    }

    /** How many messages of the caller's conversation were moved; 0 where there is none. */
    private static Uni<Integer> moved(String caller, String conversationId) {
        return ConversationService.documents()
                .find(
                        ConversationService.owned(caller, conversationId),
                        new FindOptions().projection(Projections.include(MOVED)))
                .toUni()
                .map(found -> found == null ? 0 : MessageMover.moved(found));
    }

    private Uni<Appended> upsert(String caller, String conversationId, Message message, int attempts) {
        String newSessionId = SessionId.random();
        Instant now = message.timestamp();
        BsonDocument update = push(message)
                .append(
                        "$setOnInsert",
                        new BsonDocument(SESSION_ID, new BsonString(newSessionId))
                                .append(CREATED_AT, new BsonDateTime(now.toEpochMilli())));
        return update(target(caller, conversationId, message, 0), update, true)
                .map(after -> appended(after, newSessionId, message))
                .onFailure(DriverFailure::isDuplicateKey)
                .invoke(failure -> duplicateKeys.increment())
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> appendToExisting(caller, conversationId, message, attempts));
    }

    /** The id is taken: by a call that came at the same time, by messages that were moved, or by somebody else. */
    private Uni<Appended> appendToExisting(String caller, String conversationId, Message message, int attempts) {
        Uni<Appended> appended = message.retryKey() == null
                ? appendAnyway(ConversationService.owned(caller, conversationId), message)
                : appendUnlessThere(caller, conversationId, message);
        return appended.onItem()
                .ifNull()
                .switchTo(() -> owner(conversationId).chain(owner -> {
                    if (owner.isPresent() && !owner.get().equals(caller)) {
                        throw ConversationService.notFound();
                    }
                    if (attempts <= 1) {
                        throw ConversationService.changing();
                    }
                    return owner.isPresent()
                            ? appendToExisting(caller, conversationId, message, attempts - 1)
                            : upsert(caller, conversationId, message, attempts - 1);
                }));
    }

    /** Null where nothing is found under {@code target}. */
    private Uni<Appended> appendAnyway(BsonDocument target, Message message) {
        return update(target, push(message), false)
                .onItem()
                .ifNotNull()
                .transform(after -> appended(after, null, message));
    }

    /**
     * Appends where no message of the conversation came under the key of this one, and answers as it did to the first
     * otherwise. Null where there is no such conversation, or where it changed between the look and the append.
     */
    private Uni<Appended> appendUnlessThere(String caller, String conversationId, Message message) {
        return conversations
                .find(caller, conversationId)
                .onItem()
                .ifNotNull()
                .transformToUni(conversation -> earlier(conversation, message.retryKey())
                        .chain(first -> first.isPresent()
                                ? Uni.createFrom().item(again(conversation, first.get(), message))
                                : appendAnyway(
                                        target(caller, conversationId, message, conversation.moved()), message)));
    }

    /** What is appended to: the caller's conversation, in which the message's key does not stand yet. */
    private static BsonDocument target(String caller, String conversationId, Message message, int moved) {
        BsonDocument target = ConversationService.owned(caller, conversationId);
        return message.retryKey() == null
                ? target
                : target.append(MESSAGES + "." + RETRY_KEY, new BsonDocument("$ne", new BsonString(message.retryKey())))
                        .append(MOVED, MessageMover.exactly(moved));
    }

    /** The message that came under a key before, wherever it is by now. */
    private Uni<Optional<Indexed>> earlier(Conversation conversation, String key) {
        for (int i = 0; i < conversation.messages.size(); i++) {
            Message message = conversation.messages.get(i);
            if (key.equals(message.retryKey())) {
                return Uni.createFrom().item(Optional.of(new Indexed(conversation.moved() + i, message)));
            }
        }
        return conversation.moved() == 0
                ? Uni.createFrom().item(Optional.empty())
                : store.movedUnder(key, conversation.id);
    }

    /** The answer that was given to the first call under the same key. */
    private static Appended again(Conversation conversation, Indexed first, Message again) {
        if (!first.message().saysTheSameAs(again)) {
            throw ConversationService.keyReused();
        }
        boolean created = first.index() == 0 && first.message().timestamp().equals(conversation.createdAt);
        return new Appended(created, conversation.sessionId, first.message(), first.index());
    }

    private static BsonDocument push(Message message) {
        return new BsonDocument("$push", new BsonDocument(MESSAGES, message.toBson()))
                .append(
                        "$set",
                        new BsonDocument(
                                UPDATED_AT, new BsonDateTime(message.timestamp().toEpochMilli())));
    }

    private Uni<BsonDocument> update(BsonDocument target, BsonDocument update, boolean upsert) {
        return send(target, update, upsert)
                .onFailure(failure -> DriverFailure.hasCode(failure, BAD_VALUE))
                .recoverWithUni(() -> nullToNoMessages(target).chain(() -> send(target, update, upsert)));
    }

    private Uni<BsonDocument> send(BsonDocument target, BsonDocument update, boolean upsert) {
        // Of each message a field that none has: an array of as many empty documents, which is the count, on any
        // server.
        BsonDocument counted = new BsonDocument(SESSION_ID, new BsonInt32(1))
                .append(MOVED, new BsonInt32(1))
                .append(MESSAGES + ".none", new BsonInt32(1));
        return ConversationService.documents()
                .findOneAndUpdate(
                        target,
                        update,
                        new FindOneAndUpdateOptions()
                                .upsert(upsert)
                                .returnDocument(AFTER)
                                .projection(counted));
    }

    /** Old documents may hold a null for their messages, to which the server appends nothing. */
    private Uni<Void> nullToNoMessages(BsonDocument target) {
        return ConversationService.documents()
                .updateOne(
                        target.clone()
                                .append(MESSAGES, new BsonDocument("$type", new BsonInt32(BsonType.NULL.getValue()))),
                        new BsonDocument("$set", new BsonDocument(MESSAGES, new BsonArray())))
                .replaceWithVoid();
    }

    private Appended appended(BsonDocument after, String newSessionId, Message message) {
        String sessionId = Stored.string(after, SESSION_ID);
        int inline = after.getArray(MESSAGES).size();
        mover.afterAppend(after.get(ID), inline);
        int index = MessageMover.moved(after) + inline - 1;
        return new Appended(sessionId.equals(newSessionId), sessionId, message, index);
    }

    /** Whose conversation it is; empty where there is none. */
    private Uni<Optional<String>> owner(String conversationId) {
        return ConversationService.documents()
                .find(
                        new BsonDocument(CONVERSATION_ID, new BsonString(conversationId)),
                        new FindOptions().projection(Projections.include(USER_ID)))
                .toUni()
                .map(found -> Optional.ofNullable(found)
                        .map(conversation -> String.valueOf(Stored.string(conversation, USER_ID))));
    }
}
