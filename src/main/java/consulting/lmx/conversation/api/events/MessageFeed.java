package consulting.lmx.conversation.api.events;

import consulting.lmx.conversation.api.MessageView;
import consulting.lmx.conversation.http.CallTimeout;
import consulting.lmx.conversation.http.HeldMemory;
import consulting.lmx.conversation.http.MemoryBudget;
import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.store.ChangeFeed;
import consulting.lmx.conversation.store.Conversations;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageReader;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.MessageWindow;
import consulting.lmx.conversation.store.StoredConversation;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.BackPressureStrategy;
import io.smallrye.mutiny.subscription.MultiEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonValue;

/**
 * Streams the messages of a conversation. Each listener reads pages from the store, and {@link ChangeFeed} only signals when to
 * read. So no message is missed or repeated between the stored messages and the new ones.
 */
@ApplicationScoped
public class MessageFeed {

    /** The most messages of one read. */
    private static final int PAGE = 16;

    /** The most JSON of one read, in bytes, unless one message alone is longer. */
    private static final long PAGE_BYTES = 32 * 1024;

    private final ChangeFeed changes;
    private final Conversations conversations;
    private final MessageReader reader;
    private final ReadBarrier barrier;
    private final CallTimeout timeout;
    private final MemoryBudget budget;

    MessageFeed(
            ChangeFeed changes,
            Conversations conversations,
            MessageReader reader,
            ReadBarrier barrier,
            CallTimeout timeout,
            MemoryBudget budget) {
        this.changes = changes;
        this.conversations = conversations;
        this.reader = reader;
        this.barrier = barrier;
        this.timeout = timeout;
        this.budget = budget;
    }

    /** A change of a conversation. */
    sealed interface Change {}

    /** A new message. */
    record Added(EventId id, MessageView message) implements Change {}

    /** The message of index {@code from} and all after it were removed. */
    record Truncated(EventId id, int from) implements Change {}

    /** The conversation was deleted. */
    record Deleted() implements Change {}

    /**
     * Streams the changes after {@code last}, or new changes only. An id that is newer than the conversation belongs to a deleted
     * conversation of the same id, so all messages follow. {@link Deleted} is the last item. The Uni fails with
     * {@link ErrorCode#CONVERSATION_NOT_FOUND} if the caller has no such conversation; the stream fails if a read fails.
     */
    Uni<Multi<Change>> follow(String caller, String conversationId, Optional<EventId> last) {
        return conversations
                .head(Conversations.owned(caller, conversationId), false)
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .map(found -> {
                    EventId seen = seen(last, found);
                    BsonValue id = found.id();
                    return Multi.createFrom().deferred(() -> new Listener(caller, id, seen).changes());
                });
    }

    private static EventId seen(Optional<EventId> last, StoredConversation now) {
        int truncation = now.lastTruncation();
        int count = now.messageCount();
        EventId seen = last.orElse(new EventId(truncation, count - 1));
        if (seen.truncation() == EventId.CURRENT) {
            seen = new EventId(truncation, seen.index());
        }
        boolean newer = seen.truncation() > truncation || seen.truncation() == truncation && seen.index() >= count;
        return newer ? new EventId(truncation, -1) : seen;
    }

    /** One listener and its position in the conversation. */
    private final class Listener {

        private final BsonValue id;
        private final BsonDocument same;
        private final HeldMemory memory;
        private MultiEmitter<? super Boolean> signals;
        private EventId seen;
        private boolean deleted;

        Listener(String caller, BsonValue id, EventId seen) {
            this.memory = new HeldMemory(budget, caller);
            this.id = id;
            this.same = Conversations.same(caller, id);
            this.seen = seen;
        }

        Multi<Change> changes() {
            return Multi.createFrom()
                    .<Boolean>emitter(
                            emitter -> {
                                signals = emitter;
                                emitter.onTermination(changes.watch(id, this::signal)::cancel);
                                signal(); // the feed does not announce what is stored by now
                            },
                            BackPressureStrategy.LATEST)
                    .onItem()
                    .transformToUniAndConcatenate(signal -> page())
                    .onItem()
                    .<Change>disjoint()
                    .onTermination()
                    .invoke(memory::close);
        }

        private void signal() {
            signals.emit(true);
        }

        private Uni<List<Change>> page() {
            memory.release(); // the listener has received the previous page
            if (deleted) {
                return Uni.createFrom().item(List.of());
            }
            return timeout.of(barrier.read(reader.read(
                            same, false, MessageWindow.from(seen.index() + 1, PAGE), PAGE_BYTES, memory::replace)))
                    .call(page -> page == null ? Uni.createFrom().voidItem() : memory.replace(size(page)))
                    .map(page -> page == null ? end() : changes(page));
        }

        private List<Change> end() {
            deleted = true;
            signals.complete();
            return List.of(new Deleted());
        }

        private static long size(Page page) {
            return page.messages().stream().mapToLong(Message::size).sum();
        }

        private List<Change> changes(Page page) {
            int truncation = page.conversation().lastTruncation();
            Optional<Integer> from =
                    page.conversation().truncatedSince(seen.truncation()).filter(index -> index <= seen.index());
            if (from.isPresent()) {
                seen = new EventId(truncation, from.get() - 1);
                signal();
                return List.of(new Truncated(seen, from.get()));
            }
            int first = seen.index() + 1;
            seen = new EventId(truncation, seen.index() + page.messages().size());
            if (page.hasMore()) {
                signal();
            }
            return MessageView.of(page.messages(), first).stream()
                    .<Change>map(message -> new Added(new EventId(truncation, message.index()), message))
                    .toList();
        }
    }
}
