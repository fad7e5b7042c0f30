package consulting.lmx.conversation.api;

import consulting.lmx.conversation.http.CallTimeout;
import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.store.ChangeFeed;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageReader;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/**
 * The messages of a conversation as they come. Each listener reads them from where they are stored, one page after the other,
 * and {@link ChangeFeed} only says when to read: so none is missed or doubled between what is stored and what comes live.
 */
@ApplicationScoped
public class MessageFeed {

    /** How many messages are read at a time, and how much text, in bytes, unless one message alone is longer. */
    private static final int PAGE = 16;

    private static final long PAGE_BYTES = 32 * 1024;

    private final ChangeFeed changes;
    private final MessageReader reader;
    private final ReadBarrier barrier;
    private final CallTimeout timeout;
    private final MemoryBudget budget;

    MessageFeed(
            ChangeFeed changes, MessageReader reader, ReadBarrier barrier, CallTimeout timeout, MemoryBudget budget) {
        this.changes = changes;
        this.reader = reader;
        this.barrier = barrier;
        this.timeout = timeout;
        this.budget = budget;
    }

    /**
     * The messages after index {@code after}, without end, or only new ones. An index that the conversation has not reached
     * comes from another conversation that had the same id before: then all messages follow. An empty item says that the
     * conversation was deleted, and is the last. Fails with {@link ErrorCode#CONVERSATION_NOT_FOUND} before the first item if
     * the caller has no such conversation, and later if a read fails.
     */
    Uni<Multi<Optional<MessageView>>> follow(String caller, String conversationId, Optional<Integer> after) {
        return reader.read(
                        Conversations.owned(caller, conversationId),
                        false,
                        MessageWindow.newest(1),
                        0,
                        bytes -> Uni.createFrom().voidItem())
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .map(found -> {
                    int count = found.conversation().messageCount();
                    int first =
                            after.map(index -> index < count ? index + 1 : 0).orElse(count);
                    BsonValue id = found.conversation().id();
                    return Multi.createFrom().deferred(() -> new Listener(caller, id, first).messages());
                });
    }

    /** A listener and how far it is. */
    private final class Listener {

        private final BsonValue id;
        private final BsonDocument same;
        private final HeldMemory memory;
        private final Wake wake = new Wake();
        private int next;

        Listener(String caller, BsonValue id, int first) {
            this.memory = new HeldMemory(budget, caller);
            this.id = id;
            this.same = Conversations.same(caller, id);
            this.next = first;
        }

        Multi<Optional<MessageView>> messages() {
            wake.call(); // what is stored by now is not told of
            Cancellable watch = changes.watch(id, wake::call);
            return Multi.createBy()
                    .repeating()
                    .uni(this::page)
                    .whilst(page -> page.isEmpty() || page.get(0).isPresent())
                    .onItem()
                    .<Optional<MessageView>>disjoint()
                    .onTermination()
                    .invoke(() -> {
                        watch.cancel();
                        memory.close();
                    });
        }

        private Uni<List<Optional<MessageView>>> page() {
            memory.release(); // the listener has taken the page before
            return wake.next()
                    .chain(() -> timeout.of(
                            barrier.read(reader.read(same, false, MessageWindow.from(next, PAGE), PAGE_BYTES, memory))))
                    .call(page -> page == null ? Uni.createFrom().voidItem() : memory.reserve(size(page)))
                    .map(page -> page == null ? List.of(Optional.empty()) : views(page));
        }

        private static long size(Page page) {
            return page.messages().stream()
                    .map(Message::content)
                    .mapToLong(text -> text == null ? 0 : text.getBytes(StandardCharsets.UTF_8).length)
                    .sum();
        }

        private List<Optional<MessageView>> views(Page page) {
            int first = next;
            next += page.messages().size();
            if (page.hasMore()) {
                wake.call();
            }
            return MessageView.of(page.messages(), first).stream()
                    .map(Optional::of)
                    .toList();
        }
    }
}
