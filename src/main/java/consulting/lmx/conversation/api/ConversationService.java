package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.ARCHIVED;
import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.http.HeldMemory;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Retry;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.Conversation;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.store.ListPosition;
import consulting.lmx.conversation.store.MessageReader;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import consulting.lmx.conversation.store.SessionId;
import consulting.lmx.conversation.store.StoredConversation;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;

/**
 * The use cases of conversations. To a caller, a conversation of another user does not exist. A failed {@link Uni} carries a
 * {@link ServiceException}, or the driver's exception if the database failed.
 */
@ApplicationScoped
public class ConversationService {

    /** The most JSON of a page of messages, in bytes, unless one message alone is longer. */
    static final long PAGE_BYTES = 512 * 1024;

    /** The most memory of a conversation in a list, in bytes: its metadata, title, ids and last message. */
    private static final long LISTED_BYTES = 11 * 1024;

    /** The stored fields that an entity tag stands for. */
    static final List<String> WHOLE = List.of(TITLE, METADATA, ARCHIVED, UPDATED_AT, OFFLOADED, MESSAGES);

    private final Conversations conversations;
    private final MessageReader reader;
    private final LimitsConfig limits;
    private final ObjectMapper json;

    ConversationService(Conversations conversations, MessageReader reader, LimitsConfig limits, ObjectMapper json) {
        this.conversations = conversations;
        this.reader = reader;
        this.limits = limits;
        this.json = json;
    }

    /**
     * Starts a conversation with a new id and session. A repeated idempotency key returns the result of the first call, or fails
     * with {@link ErrorCode#KEY_REUSED} if the request differs.
     */
    Uni<Page> start(String caller, NewConversation request, Optional<IdempotencyKey> key, HeldMemory memory) {
        String id = key.map(k -> k.conversationId(caller))
                .orElseGet(() -> UUID.randomUUID().toString());
        Conversation conversation = new Conversation(id, SessionId.random(), caller);
        conversation.startRequest =
                key.map(k -> RequestDigest.of(request).stored(json)).orElse(null);
        conversation.messages = NewMessage.at(conversation.createdAt, request.messages(), NewMessage::inList, limits);
        conversation.title = request.title();
        conversation.metadata = MetadataConverter.OF_CONVERSATION.toBson(request.metadata());
        return conversations
                .insert(conversation)
                .map(stored -> MessageReader.newest(stored, conversation.messages, limits.pageSize(), PAGE_BYTES))
                .onFailure(failure -> key.isPresent() && DriverFailure.isDuplicateKey(failure))
                .recoverWithUni(() -> startedBefore(conversation, request, memory));
    }

    /** Returns the result of the first call with the same key, whatever changed since. */
    private Uni<Page> startedBefore(Conversation again, NewConversation request, HeldMemory memory) {
        int count = again.messages.size();
        MessageWindow newest = new MessageWindow(limits.pageSize(), Optional.of(count), Optional.empty());
        return read(Conversations.owned(again.userId, again.conversationId), newest, memory)
                .onFailure(failure ->
                        failure instanceof ServiceException e && e.code() == ErrorCode.CONVERSATION_NOT_FOUND)
                .transform(notTheirs -> new ServiceException(
                        ErrorCode.CONFLICT,
                        "This Idempotency-Key cannot start a conversation. Use another one for this request."))
                .map(first -> {
                    StoredConversation stored = first.conversation();
                    if (!RequestDigest.of(request)
                            .isStoredAs(stored.startRequest().orElse(""), json)) {
                        throw new ServiceException(
                                ErrorCode.KEY_REUSED,
                                "This Idempotency-Key was sent with another request before. Use another one for this request.");
                    }
                    StoredConversation asStarted = StoredConversation.of(again)
                            .with(SESSION_ID, stored.document().get(SESSION_ID))
                            .with(CREATED_AT, stored.document().get(CREATED_AT))
                            .with(UPDATED_AT, stored.document().get(CREATED_AT));
                    return new Page(asStarted, first.first(), first.messages(), first.hasMore());
                });
    }

    /** Returns the caller's conversation of that id with its newest messages. */
    Uni<Page> get(String caller, String conversationId, HeldMemory memory) {
        return read(Conversations.owned(caller, conversationId), MessageWindow.newest(limits.pageSize()), memory);
    }

    /** Returns the caller's conversation of that session with its newest messages. */
    Uni<Page> ofSession(String caller, String sessionId, HeldMemory memory) {
        return read(Conversations.ofSession(caller, sessionId), MessageWindow.newest(limits.pageSize()), memory);
    }

    /** Returns a page of messages of the caller's conversation of that id. */
    Uni<Page> messages(String caller, String conversationId, MessageWindow window, HeldMemory memory) {
        return read(Conversations.owned(caller, conversationId), false, window, memory);
    }

    private Uni<Page> read(BsonDocument selected, MessageWindow window, HeldMemory memory) {
        return read(selected, true, window, memory);
    }

    private Uni<Page> read(BsonDocument selected, boolean whole, MessageWindow window, HeldMemory memory) {
        return reader.read(selected, whole, window, PAGE_BYTES, memory::replace)
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .call(page -> reserveJson(page, memory));
    }

    /** A message that is a page of its own may have more JSON than was reserved for its text. */
    private static Uni<Void> reserveJson(Page page, HeldMemory memory) {
        long bytes = page.messages().size() == 1 ? page.messages().get(0).size() : 0;
        return bytes > PAGE_BYTES ? memory.reserve(bytes) : Uni.createFrom().voidItem();
    }

    /** Lists the caller's conversations as {@link Conversations#list} does. */
    Uni<List<StoredConversation>> list(
            String caller, int limit, Optional<Boolean> archived, Optional<ListPosition> after, HeldMemory memory) {
        return memory.reserve(limit * LISTED_BYTES)
                .chain(() -> conversations.list(caller, limit, archived, after))
                .chain(found -> found.stream().anyMatch(StoredConversation::isOffloadedWhole)
                        ? Multi.createFrom()
                                .iterable(found)
                                .onItem()
                                .transformToUniAndConcatenate(one -> withLastMessage(one, memory))
                                .collect()
                                .asList()
                        : Uni.createFrom().item(found))
                .onFailure(failure -> after.isPresent() && Cursor.isRejected(failure))
                .transform(rejected -> Cursor.unknown());
    }

    /** Reads the newest message if a truncation left none in the document. */
    private Uni<StoredConversation> withLastMessage(StoredConversation listed, HeldMemory memory) {
        if (!listed.isOffloadedWhole()) {
            return Uni.createFrom().item(listed);
        }
        return reader.read(
                        Conversations.same(listed.userId(), listed.id()),
                        false,
                        MessageWindow.newest(1),
                        PAGE_BYTES,
                        memory::reserve)
                .map(page -> page == null || page.messages().isEmpty()
                        ? listed
                        : listed.withLastMessage(page.messages().get(0)))
                .onFailure(failure -> failure instanceof ServiceException e && e.code() == ErrorCode.MESSAGES_LOST)
                .recoverWithItem(listed);
    }

    /**
     * Changes title, metadata and {@code archived}. Retries if another change of merged metadata interferes.
     *
     * @param precondition rejects a conversation that the caller does not expect; with it, any interfering change causes a retry
     */
    Uni<Page> patch(
            String caller,
            String conversationId,
            ConversationPatch.Changes patch,
            Optional<Consumer<Page>> precondition,
            HeldMemory memory) {
        return Retry.whileOutdated(get(caller, conversationId, memory).chain(page -> {
            precondition.ifPresent(required -> required.accept(page));
            StoredConversation read = page.conversation();
            StoredConversation changed = patch.applyTo(read)
                    .with(UPDATED_AT, new BsonDateTime(Conversation.now().toEpochMilli()));
            List<String> unchanged = new ArrayList<>(patch.mergedFields());
            if (precondition.isPresent()) {
                unchanged = WHOLE;
            }
            return conversations
                    .update(read, changed, unchanged)
                    .map(stored -> stored ? new Page(changed, page.first(), page.messages(), page.hasMore()) : null);
        }));
    }

    /** Deletes all conversations of the caller; returns their number. */
    Uni<Long> deleteAll(String caller) {
        return conversations
                .deleteAll(caller)
                .map(Conversations.Deleted::conversations)
                .invoke(count -> AuditLog.deletionOfAll(caller, count));
    }

    /** Deletes the caller's conversation of that id. */
    Uni<Void> delete(String caller, String conversationId) {
        return conversations
                .delete(caller, conversationId)
                .invoke(deleted -> {
                    if (!deleted) {
                        throw Conversations.notFound();
                    }
                    AuditLog.deletion(caller, conversationId);
                })
                .replaceWithVoid();
    }
}
