package consulting.lmx.conversation.api;

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
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.BackPressureStrategy;
import io.smallrye.mutiny.subscription.MultiEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
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

    /**
     * Streams the messages after index {@code after}, or new messages only. An index beyond the end belongs to a deleted
     * conversation of the same id, so all messages follow. An empty item is the last one and means that the conversation was
     * deleted. The Uni fails with {@link ErrorCode#CONVERSATION_NOT_FOUND} if the caller has no such conversation; the stream
     * fails if a read fails.
     */
    Uni<Multi<Optional<MessageView>>> follow(String caller, String conversationId, Optional<Integer> after) {
        return conversations
                .head(Conversations.owned(caller, conversationId), false)
                .onItem()
                .ifNull()
                .failWith(Conversations::notFound)
                .map(found -> {
                    int count = found.messageCount();
                    int first =
                            after.map(index -> index < count ? index + 1 : 0).orElse(count);
                    BsonValue id = found.id();
                    return Multi.createFrom().deferred(() -> new Listener(caller, id, first).messages());
                });
    }

    /** One listener and its position in the conversation. */
    private final class Listener {

        private final BsonValue id;
        private final BsonDocument same;
        private final HeldMemory memory;
        private MultiEmitter<? super Boolean> signals;
        private int next;
        private boolean deleted;

        Listener(String caller, BsonValue id, int first) {
            this.memory = new HeldMemory(budget, caller);
            this.id = id;
            this.same = Conversations.same(caller, id);
            this.next = first;
        }

        Multi<Optional<MessageView>> messages() {
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
                    .<Optional<MessageView>>disjoint()
                    .onTermination()
                    .invoke(memory::close);
        }

        private void signal() {
            signals.emit(true);
        }

        private Uni<List<Optional<MessageView>>> page() {
            memory.release(); // the listener has received the previous page
            if (deleted) {
                return Uni.createFrom().item(List.of());
            }
            return timeout.of(barrier.read(
                            reader.read(same, false, MessageWindow.from(next, PAGE), PAGE_BYTES, memory::replace)))
                    .call(page -> page == null ? Uni.createFrom().voidItem() : memory.replace(size(page)))
                    .map(page -> page == null ? end() : views(page));
        }

        private List<Optional<MessageView>> end() {
            deleted = true;
            signals.complete();
            return List.of(Optional.empty());
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
                signal();
            }
            return MessageView.of(page.messages(), first).stream()
                    .map(Optional::of)
                    .toList();
        }
    }
}
