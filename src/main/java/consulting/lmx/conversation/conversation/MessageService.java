package consulting.lmx.conversation.conversation;

import static com.mongodb.client.model.ReturnDocument.AFTER;
import static consulting.lmx.conversation.conversation.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.RETRY_KEY;
import static consulting.lmx.conversation.conversation.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.UPDATED_AT;

import com.mongodb.client.model.FindOneAndUpdateOptions;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
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
    private final LimitsConfig limits;
    private final Counter started;
    private final Counter messages;
    private final Counter duplicateKeys;

    MessageService(ConversationService conversations, LimitsConfig limits, MeterRegistry meters) {
        this.conversations = conversations;
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
        return upsert(caller, conversationId, message, ATTEMPTS).invoke(appended -> {
            if (appended.message() == message) {
                messages.increment();
                if (appended.created()) {
                    started.increment();
                }
            }
        });
    }

    private Uni<Appended> upsert(String caller, String conversationId, Message message, int attempts) {
        String newSessionId = SessionId.random();
        Instant now = message.timestamp();
        BsonDocument update = push(message)
                .append(
                        "$setOnInsert",
                        new BsonDocument(SESSION_ID, new BsonString(newSessionId))
                                .append(CREATED_AT, new BsonDateTime(now.toEpochMilli())));
        return update(target(caller, conversationId, message), update, true)
                .map(after -> appended(after, newSessionId, message))
                .onFailure(DriverFailure::isDuplicateKey)
                .recoverWithUni(() -> appendToExisting(caller, conversationId, message, attempts));
    }

    /** The id is taken: by a call that came at the same time, or by somebody else. */
    private Uni<Appended> appendToExisting(String caller, String conversationId, Message message, int attempts) {
        duplicateKeys.increment();
        return update(target(caller, conversationId, message), push(message), false)
                .onItem()
                .ifNotNull()
                .transform(after -> appended(after, null, message))
                .onItem()
                .ifNull()
                .switchTo(() -> appendedBefore(caller, conversationId, message))
                .onItem()
                .ifNull()
                .switchTo(() -> exists(conversationId).chain(taken -> {
                    if (taken || attempts <= 1) {
                        throw ConversationService.notFound();
                    }
                    return upsert(caller, conversationId, message, attempts - 1);
                }));
    }

    /** What is appended to: the caller's conversation, in which the message's key does not stand yet. */
    private static BsonDocument target(String caller, String conversationId, Message message) {
        BsonDocument target = ConversationService.owned(caller, conversationId);
        return message.retryKey() == null
                ? target
                : target.append(
                        MESSAGES + "." + RETRY_KEY, new BsonDocument("$ne", new BsonString(message.retryKey())));
    }

    /** The answer that was given to the first call under the same key; null where there was none. */
    private Uni<Appended> appendedBefore(String caller, String conversationId, Message again) {
        if (again.retryKey() == null) {
            return Uni.createFrom().nullItem();
        }
        return conversations
                .get(caller, conversationId)
                .map(conversation -> appendedBefore(conversation, again))
                .onFailure(ServiceException.class)
                .recoverWithUni(failure -> failure.code() == ErrorCode.CONVERSATION_NOT_FOUND
                        ? Uni.createFrom().nullItem()
                        : Uni.createFrom().failure(failure));
    }

    private static Appended appendedBefore(Conversation conversation, Message again) {
        for (int i = 0; i < conversation.messages.size(); i++) {
            Message first = conversation.messages.get(i);
            if (again.retryKey().equals(first.retryKey())) {
                if (!first.saysTheSameAs(again)) {
                    throw ConversationService.keyReused();
                }
                boolean created = i == 0 && first.timestamp().equals(conversation.createdAt);
                return new Appended(created, conversation.sessionId, first, i);
            }
        }
        return null;
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
        BsonDocument counted =
                new BsonDocument(SESSION_ID, new BsonInt32(1)).append(MESSAGES + ".none", new BsonInt32(1));
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

    private static Appended appended(BsonDocument after, String newSessionId, Message message) {
        String sessionId = Stored.string(after, SESSION_ID);
        int index = after.getArray(MESSAGES).size() - 1;
        return new Appended(sessionId.equals(newSessionId), sessionId, message, index);
    }

    private Uni<Boolean> exists(String conversationId) {
        return ConversationService.documents()
                .find(new BsonDocument(CONVERSATION_ID, new BsonString(conversationId)))
                .toUni()
                .map(found -> found != null);
    }
}
