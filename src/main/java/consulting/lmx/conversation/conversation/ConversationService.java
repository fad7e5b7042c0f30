package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.METADATA;
import static consulting.lmx.conversation.conversation.ConversationFields.MOVED;
import static consulting.lmx.conversation.conversation.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.TITLE;
import static consulting.lmx.conversation.conversation.ConversationFields.UPDATED_AT;
import static consulting.lmx.conversation.conversation.ConversationFields.USER_ID;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.client.model.FindOneAndDeleteOptions;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.bson.BsonBoolean;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * The use cases behind the routes; with {@link MessageService}, which appends, the only writer of conversations. Everything
 * is asked for together with the caller: a conversation of somebody else does not exist here. A failed {@link Uni}
 * carries a {@link ServiceException}, or the driver's own exception where the database failed.
 */
@ApplicationScoped
public class ConversationService {

    /** How often a change is made anew to what was changed meanwhile. */
    private static final int ATTEMPTS = 5;

    private final MessageStore store;
    private final LimitsConfig limits;
    private final ObjectMapper json;
    private final Counter started;
    private final Counter messages;
    private final Counter duplicateKeys;

    ConversationService(MessageStore store, LimitsConfig limits, ObjectMapper json, MeterRegistry meters) {
        this.store = store;
        this.limits = limits;
        this.json = json;
        this.started = meters.counter("conversations.started");
        this.messages = meters.counter("conversations.messages");
        this.duplicateKeys = meters.counter("conversations.duplicate.key");
    }

    /**
     * Starts a conversation of {@code caller}'s with an id and a session of its own. Under a key that he has used before it
     * answers what it answered then, and {@link ErrorCode#KEY_REUSED} where that was another request.
     */
    Uni<Conversation> start(String caller, NewConversation request, Optional<RetryKey> key) {
        if (request.messages().size() > limits.startMessages()) {
            throw ServiceException.invalid(MESSAGES, "must be at most " + limits.startMessages());
        }
        for (int i = 0; i < request.messages().size(); i++) {
            limits.requireFits(request.messages().get(i).content(), MESSAGES + "[" + i + "].content");
        }
        limits.requireTitleFits(request.title());
        String id = key.map(k -> k.conversationId(caller))
                .orElseGet(() -> UUID.randomUUID().toString());
        Conversation conversation = new Conversation(id, SessionId.random(), caller);
        conversation.startRequest = key.map(k -> RetryKey.digest(request, json)).orElse(null);
        conversation.messages = request.messages().stream()
                .map(message -> message.at(conversation.createdAt))
                .toList();
        conversation.title = request.title();
        conversation.metadata = new Metadata(limits).toBson(request.metadata());
        return conversation
                .<Conversation>persist()
                .onFailure(DriverFailure::isDuplicateKey)
                .invoke(failure -> duplicateKeys.increment())
                .invoke(() -> {
                    started.increment();
                    messages.increment(conversation.messages.size());
                })
                .onFailure(failure -> key.isPresent() && DriverFailure.isDuplicateKey(failure))
                .recoverWithUni(() -> startedBefore(conversation));
    }

    /** The answer that was given to the first call under the same key, whatever has become of the conversation since. */
    private Uni<Conversation> startedBefore(Conversation again) {
        return get(again.userId, again.conversationId)
                .onFailure(failure -> failure instanceof ServiceException)
                .transform(notHis -> new ServiceException(
                        ErrorCode.CONFLICT, "Nothing can be started under this Idempotency-Key. Use another one."))
                .chain(first -> {
                    if (!again.startRequest.equals(first.startRequest)) {
                        throw keyReused();
                    }
                    again.sessionId = first.sessionId;
                    again.createdAt = first.createdAt;
                    again.updatedAt = first.createdAt;
                    return store.range(first, 0, Math.min(again.messages.size(), first.messageCount()))
                            .map(messages -> {
                                again.messages = messages;
                                return again;
                            });
                });
    }

    static ServiceException keyReused() {
        return new ServiceException(
                ErrorCode.KEY_REUSED,
                "This Idempotency-Key came with another request before. Use another one for this request.");
    }

    /** The caller's conversation of that id; null where there is none. */
    Uni<Conversation> find(String caller, String conversationId) {
        return Conversation.<Conversation>find(owned(caller, conversationId)).firstResult();
    }

    /** The caller's conversation of that id. */
    Uni<Conversation> get(String caller, String conversationId) {
        return find(caller, conversationId).onItem().ifNull().failWith(ConversationService::notFound);
    }

    /** The caller's conversation of that session. */
    Uni<Conversation> ofSession(String caller, String sessionId) {
        return Conversation.<Conversation>find(
                        new BsonDocument(SESSION_ID, new BsonString(sessionId)).append(USER_ID, new BsonString(caller)))
                .firstResult()
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound);
    }

    /** The caller's conversations, newest first, without their messages; one more than {@code limit} where there are more. */
    Uni<List<Conversation>> list(String caller, int limit, Optional<Cursor> after) {
        BsonDocument filter = new BsonDocument(USER_ID, new BsonString(caller));
        after.ifPresent(cursor -> filter.putAll(cursor.filter()));
        return documents()
                .find(
                        filter,
                        new FindOptions()
                                .sort(Sorts.descending(UPDATED_AT, ConversationFields.ID))
                                .projection(Projections.exclude(MESSAGES))
                                .limit(limit + 1))
                .map(ConversationCodec::fromBson)
                .collect()
                .asList()
                .onFailure(failure -> after.isPresent() && Cursor.isRefused(failure))
                .transform(failure -> Cursor.unknown());
    }

    /**
     * Changes title and metadata. The change is made to what was read, and stored only where that is still what is there;
     * otherwise it is read again.
     *
     * @param precondition is asked about what was read, and refuses by failing
     */
    Uni<Conversation> patch(
            String caller, String conversationId, ConversationPatch patch, Consumer<Conversation> precondition) {
        return patch(caller, conversationId, patch, precondition, ATTEMPTS);
    }

    private Uni<Conversation> patch(
            String caller,
            String conversationId,
            ConversationPatch patch,
            Consumer<Conversation> precondition,
            int attempts) {
        return get(caller, conversationId).chain(conversation -> {
            precondition.accept(conversation);
            BsonDocument unchanged = owned(caller, conversationId);
            List.of(TITLE, METADATA, UPDATED_AT, MESSAGES, MOVED)
                    .forEach(field -> unchanged.putAll(unchanged(conversation.stored, field)));
            patch.applyTo(conversation, limits);
            conversation.updatedAt = Conversation.now();
            return documents().updateOne(unchanged, change(conversation)).chain(result -> {
                if (result.getMatchedCount() > 0) {
                    return Uni.createFrom().item(conversation);
                }
                if (attempts <= 1) {
                    throw changing();
                }
                return patch(caller, conversationId, patch, precondition, attempts - 1);
            });
        });
    }

    /** Finds the document only where {@code field} is as it was read; of the messages only their number is asked for. */
    private static BsonDocument unchanged(BsonDocument read, String field) {
        BsonValue value = read.get(field);
        if (value == null) {
            return new BsonDocument(field, new BsonDocument("$exists", BsonBoolean.FALSE));
        }
        return new BsonDocument(
                field,
                field.equals(MESSAGES) && value.isArray()
                        ? new BsonDocument(
                                "$size", new BsonInt32(value.asArray().size()))
                        : new BsonDocument("$eq", value));
    }

    private static BsonDocument change(Conversation conversation) {
        BsonDocument set = new BsonDocument(UPDATED_AT, new BsonDateTime(conversation.updatedAt.toEpochMilli()));
        BsonDocument unset = new BsonDocument();
        if (conversation.title == null) {
            unset.append(TITLE, BsonBoolean.TRUE);
        } else {
            set.append(TITLE, new BsonString(conversation.title));
        }
        if (conversation.metadata == null) {
            unset.append(METADATA, BsonBoolean.TRUE);
        } else {
            set.append(METADATA, conversation.metadata);
        }
        BsonDocument change = new BsonDocument("$set", set);
        return unset.isEmpty() ? change : change.append("$unset", unset);
    }

    /** Deletes everything of the caller's, and tells how many conversations that were. */
    Uni<Long> deleteAll(String caller) {
        BsonDocument his = new BsonDocument(USER_ID, new BsonString(caller));
        return documents()
                .find(
                        his.clone().append(MOVED, new BsonDocument("$exists", BsonBoolean.TRUE)),
                        new FindOptions().projection(Projections.include(ConversationFields.ID)))
                .collect()
                .asList()
                .chain(withBlocks -> Conversation.delete(his)
                        .call(() -> Multi.createFrom()
                                .iterable(withBlocks)
                                .onItem()
                                .transformToUniAndConcatenate(
                                        conversation -> store.deleteMoved(conversation.get(ConversationFields.ID)))
                                .collect()
                                .last()));
    }

    /** Deletes the caller's conversation of that id. What is left of it where this ends half way, {@link BlockSweep} finds. */
    Uni<Void> delete(String caller, String conversationId) {
        return documents()
                .findOneAndDelete(
                        owned(caller, conversationId),
                        new FindOneAndDeleteOptions().projection(Projections.include(MOVED)))
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound)
                .chain(deleted -> deleted.containsKey(MOVED)
                        ? store.deleteMoved(deleted.get(ConversationFields.ID))
                        : Uni.createFrom().voidItem());
    }

    static BsonDocument owned(String caller, String conversationId) {
        return new BsonDocument(CONVERSATION_ID, new BsonString(conversationId))
                .append(USER_ID, new BsonString(caller));
    }

    static ReactiveMongoCollection<BsonDocument> documents() {
        return Conversation.mongoCollection().withDocumentClass(BsonDocument.class);
    }

    static ServiceException changing() {
        return new ServiceException(
                ErrorCode.CONFLICT, "The conversation changed again and again meanwhile. Try again.");
    }

    static ServiceException notFound() {
        return new ServiceException(ErrorCode.CONVERSATION_NOT_FOUND, "There is no such conversation of yours.");
    }
}
