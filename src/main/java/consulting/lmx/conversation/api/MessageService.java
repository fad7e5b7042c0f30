package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.http.HeldMemory;
import consulting.lmx.conversation.mongo.Retry;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.security.AuditLog;
import consulting.lmx.conversation.store.AppendResult;
import consulting.lmx.conversation.store.Conversation;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageAppender;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import consulting.lmx.conversation.store.StoredConversation;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.bson.BsonValue;

/**
 * The use cases that change messages. To a caller, a conversation of another user does not exist. A failed {@link Uni} carries a
 * {@link ServiceException}, or the driver's exception if the database failed.
 */
@ApplicationScoped
public class MessageService {

    private final ConversationService service;
    private final Conversations conversations;
    private final MessageAppender appender;
    private final LimitsConfig limits;
    private final ObjectMapper json;

    MessageService(
            ConversationService service,
            Conversations conversations,
            MessageAppender appender,
            LimitsConfig limits,
            ObjectMapper json) {
        this.service = service;
        this.conversations = conversations;
        this.appender = appender;
        this.limits = limits;
        this.json = json;
    }

    /**
     * Appends messages, all or none, and creates the conversation if it does not exist. Fails with
     * {@link ErrorCode#CONVERSATION_NOT_FOUND} if the id belongs to another user. A repeated idempotency key returns the result of the
     * first call, or fails with {@link ErrorCode#KEY_REUSED} if the request differs.
     *
     * @param path what precedes the fields of the message at a position in an error
     */
    Uni<AppendResult> append(
            String caller,
            String conversationId,
            List<NewMessage> request,
            IntFunction<String> path,
            Optional<IdempotencyKey> key) {
        List<Message> all = new ArrayList<>(NewMessage.at(Conversation.now(), request, path, limits));
        Message last = all.get(all.size() - 1);
        boolean plain = all.size() == 1 && last.metadata() == null;
        key.map(given -> last.withIdempotencyKey(
                        given.text(), plain ? null : RequestDigest.of(request).stored(json)))
                .ifPresent(keyed -> all.set(all.size() - 1, keyed));
        return appender.append(caller, conversationId, all);
    }

    /**
     * Changes the metadata of the message of this index. Fails with {@link ErrorCode#MESSAGE_NOT_FOUND} if it does not exist, and with
     * {@link ErrorCode#MESSAGES_IMMUTABLE} if it is offloaded.
     */
    Uni<Message> patch(String caller, String conversationId, int index, BsonValue patch, HeldMemory memory) {
        return Retry.whileOutdated(service.messages(caller, conversationId, MessageWindow.from(index, 1), memory)
                .chain(page -> {
                    if (page.messages().isEmpty()) {
                        throw new ServiceException(
                                ErrorCode.MESSAGE_NOT_FOUND,
                                "The conversation has " + page.conversation().messageCount()
                                        + " messages, but none with index " + index + ".");
                    }
                    requireInline(page, index);
                    Message read = page.messages().get(0);
                    Message.SizedMetadata changed = MessagePatch.merged(read.metadata(), patch);
                    return conversations
                            .setMetadata(
                                    caller, page.conversation(), index, read.metadata(), changed, Conversation.now())
                            .map(stored -> stored ? read.withMetadata(changed) : null);
                }));
    }

    /** The number of removed messages, and of those that are left. */
    public record Truncated(int deleted, int messageCount) {}

    /**
     * Removes the message of this index and all after it. Fails with {@link ErrorCode#MESSAGES_IMMUTABLE} if one of them is offloaded.
     *
     * @param precondition rejects a conversation that the caller does not expect
     */
    Uni<Truncated> truncate(
            String caller, String conversationId, int from, Optional<Consumer<Page>> precondition, HeldMemory memory) {
        return Retry.whileOutdated(service.get(caller, conversationId, memory).chain(page -> {
            precondition.ifPresent(required -> required.accept(page));
            StoredConversation read = page.conversation();
            int count = read.messageCount();
            if (from >= count) {
                return Uni.createFrom().item(new Truncated(0, count));
            }
            requireInline(page, from);
            List<String> unchanged = precondition.isPresent() ? ConversationService.WHOLE : List.of(MESSAGES);
            return conversations
                    .truncate(caller, read, from, unchanged, Conversation.now())
                    .map(done -> done ? new Truncated(count - from, from) : null)
                    .onItem()
                    .ifNotNull()
                    .invoke(done -> AuditLog.truncation(caller, conversationId, from, done.deleted()));
        }));
    }

    private static void requireInline(Page page, int index) {
        int first = page.conversation().offloaded();
        if (index < first) {
            throw new ServiceException(
                    ErrorCode.MESSAGES_IMMUTABLE,
                    "Messages before index " + first + " of this conversation cannot be changed or removed.");
        }
    }
}
