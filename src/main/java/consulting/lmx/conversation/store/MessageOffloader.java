package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.FIRST;
import static consulting.lmx.conversation.store.ConversationFields.GENERATION;

import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.MultiEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Keeps a conversation's document small: moves its older messages to blocks, in the background. It writes the blocks first,
 * under ids that follow from what they hold, and then cuts the document by one update that is guarded by how many messages were
 * offloaded before. So a crash between the two leaves blocks that the next attempt finds as it needs them, and two processes do
 * the same work once.
 */
@ApplicationScoped
public class MessageOffloader {

    /** How much text a document may hold before its older messages are offloaded, in bytes. */
    private static final long MAX_INLINE_BYTES = 1024 * 1024;

    /** How much text stays then at most, unless the newest message alone is longer. */
    private static final long KEPT_BYTES = MAX_INLINE_BYTES / 2;

    /** A document is measured once for about so much text that is appended to it. */
    private static final int BYTES_PER_MEASUREMENT = 256 * 1024;

    /** How much text a block holds, unless one message alone is longer. */
    private static final long BLOCK_BYTES = 512 * 1024;

    /** How much text and how many messages one cut offloads: each cut rewrites what is left of the document. */
    private static final long CUT_BYTES = 2 * 1024 * 1024;

    private static final int CUT_MESSAGES = 50 * MessageBlocks.MESSAGES_PER_BLOCK;

    private static final Logger LOG = Logger.getLogger(MessageOffloader.class);

    /** How many documents are offloaded at once: each takes a few times {@link #CUT_BYTES} of memory. */
    private static final int AT_ONCE = 2;

    private final LimitsConfig limits;
    private final Conversations conversations;
    private final InlineMessages inline;
    private final MessageBlocks blocks;

    /** Conversations that wait or are under way; true if another append came since. */
    private final Map<BsonValue, Boolean> pending = new ConcurrentHashMap<>();

    private MultiEmitter<? super BsonValue> queue;

    MessageOffloader(LimitsConfig limits, Conversations conversations, InlineMessages inline, MessageBlocks blocks) {
        this.limits = limits;
        this.conversations = conversations;
        this.inline = inline;
        this.blocks = blocks;
        Multi.createFrom()
                .<BsonValue>emitter(emitter -> queue = emitter)
                .onItem()
                .transformToUni(this::offloadAndLog)
                .merge(AT_ONCE)
                .subscribe()
                .with(done -> {}, failure -> LOG.error("event=offloader-ended: restart the process", failure));
    }

    /**
     * Requests an offload if the document may hold too much after this append, and does not wait for it.
     *
     * @param inline how many messages the document holds
     */
    void afterAppend(BsonValue conversation, int inline, Message message) {
        boolean tooMany = inline >= limits.inlineMessages() + MessageBlocks.MESSAGES_PER_BLOCK;
        if ((tooMany || isMeasured(message)) && pending.put(conversation, true) == null) {
            queue.emit(conversation);
        }
    }

    /** By chance, in proportion to its length: so nobody has to count, however many processes append. */
    private static boolean isMeasured(Message message) {
        return ThreadLocalRandom.current().nextInt(BYTES_PER_MEASUREMENT)
                < message.content().length();
    }

    private Uni<Void> offloadAndLog(BsonValue conversation) {
        return Uni.createFrom()
                .deferred(() -> {
                    pending.put(conversation, false);
                    return offloadAll(conversation);
                })
                .onFailure()
                .recoverWithItem(failure -> {
                    LOG.warnf(
                            "event=offload-failed conversation=%s reason=\"%s\": the next append tries again",
                            conversation, failure.getMessage());
                    pending.put(conversation, false);
                    return null;
                })
                .invoke(() -> {
                    if (!pending.remove(conversation, false)) {
                        queue.emit(conversation);
                    }
                });
    }

    private Uni<Void> offloadAll(BsonValue conversation) {
        return offload(conversation, limits.inlineMessages(), MAX_INLINE_BYTES)
                .chain(count ->
                        count > 0 ? offloadAll(conversation) : Uni.createFrom().voidItem());
    }

    /** Offloads the older messages of a document that is full; another process may have done so. */
    Uni<Void> makeRoom(Bson selected) {
        return conversations
                .idOf(selected)
                .onItem()
                .ifNotNull()
                .transformToUni(id -> offload(id, 1, 0))
                .replaceWithVoid();
    }

    /**
     * Offloads once.
     *
     * @param kept how many of the newest messages stay, if their text is short
     * @param maxBytes how much text may stay
     * @return how many messages were offloaded
     */
    private Uni<Integer> offload(BsonValue conversation, int kept, long maxBytes) {
        return inline.measure(conversation, CUT_MESSAGES)
                .onItem()
                .ifNull()
                .continueWith(MessageOffloader::nothing)
                .chain(size -> {
                    List<Integer> lengths = lengths(size, kept, maxBytes);
                    return lengths.isEmpty() ? Uni.createFrom().item(0) : offload(size, lengths);
                })
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(tooLarge -> inline.measure(conversation, 1)
                        .chain(size -> offload(size, List.of(1)))); // one message alone fits into a block
    }

    private static InlineMessages.Size nothing() {
        return new InlineMessages.Size(new StoredConversation(new BsonDocument(), 0), 0, List.of());
    }

    /**
     * How many messages each of the blocks holds that this cut offloads. Only full blocks count, so that another attempt fills
     * them in the same way.
     */
    private static List<Integer> lengths(InlineMessages.Size size, int kept, long maxBytes) {
        int inline = size.conversation().inline();
        int count = (inline - kept) / MessageBlocks.MESSAGES_PER_BLOCK * MessageBlocks.MESSAGES_PER_BLOCK;
        long rest = size.bytes();
        if (rest > maxBytes) {
            int next = 0;
            while (next < size.oldest().size() && next < inline - 1 && rest > Math.min(maxBytes, KEPT_BYTES)) {
                rest -= size.oldest().get(next++);
            }
            count = Math.max(count, next);
        }
        List<Integer> lengths = new ArrayList<>();
        long cut = 0;
        long bytes = 0;
        int length = 0;
        for (int i = 0; i < Math.min(count, size.oldest().size()) && cut < CUT_BYTES; i++) {
            length++;
            bytes += size.oldest().get(i);
            boolean nextFits =
                    i + 1 >= size.oldest().size() || bytes + size.oldest().get(i + 1) <= BLOCK_BYTES;
            if (length == MessageBlocks.MESSAGES_PER_BLOCK || !nextFits) {
                lengths.add(length);
                cut += bytes;
                length = 0;
                bytes = 0;
            }
        }
        return lengths;
    }

    private Uni<Integer> offload(InlineMessages.Size size, List<Integer> lengths) {
        StoredConversation conversation = size.conversation();
        int count = lengths.stream().mapToInt(Integer::intValue).sum();
        int first = conversation.offloaded();
        return inline.oldest(conversation, count).chain(messages -> {
            if (messages.size() < count) {
                return Uni.createFrom().item(0); // another process was quicker
            }
            Optional<BsonValue> generation = conversation.generation(first);
            return blocks.write(inBlocks(conversation.id(), first, generation, lengths, messages))
                    .replaceWith(Optional.<BsonDocument>empty())
                    .onFailure(MessageBlocks.Conflict.class)
                    .recoverWithUni(conflict -> inNewGeneration(conversation, lengths, messages))
                    .chain(newGeneration -> inline.cut(conversation, count, messages.get(count - 1), newGeneration))
                    .map(cut -> cut ? count : 0);
        });
    }

    /** Blocks of the same ids are left from another incarnation of the conversation, so these get ids of their own. */
    private Uni<Optional<BsonDocument>> inNewGeneration(
            StoredConversation conversation, List<Integer> lengths, List<BsonValue> messages) {
        int first = conversation.offloaded();
        BsonValue generation = new BsonObjectId();
        LOG.warnf(
                "event=block-generation conversation=%s first=%d generation=%s", conversation.id(), first, generation);
        return blocks.write(inBlocks(conversation.id(), first, Optional.of(generation), lengths, messages))
                .replaceWith(Optional.of(new BsonDocument(FIRST, new BsonInt32(first)).append(GENERATION, generation)));
    }

    private static List<BsonDocument> inBlocks(
            BsonValue conversation,
            int first,
            Optional<BsonValue> generation,
            List<Integer> lengths,
            List<BsonValue> messages) {
        List<BsonDocument> blocks = new ArrayList<>();
        int next = 0;
        for (int length : lengths) {
            blocks.add(
                    MessageBlocks.block(conversation, first + next, generation, messages.subList(next, next + length)));
            next += length;
        }
        return blocks;
    }
}
