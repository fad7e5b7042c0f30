package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.FIRST;
import static consulting.lmx.conversation.store.ConversationFields.GENERATION;

import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.MultiEmitter;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonObjectId;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.conversions.Bson;
import org.bson.types.ObjectId;
import org.jboss.logging.Logger;

/**
 * Offloads older messages from a conversation's document to blocks, in the background. It first writes the blocks under ids
 * that their content determines, then cuts the document by one update guarded by the offloaded count. After a crash between the
 * two writes, the next attempt finds the same blocks. Two processes that offload at once write the same blocks and cut once.
 */
@ApplicationScoped
public class MessageOffloader {

    /** The most text of a document before its older messages are offloaded, in bytes. */
    private static final long MAX_INLINE_BYTES = 1024 * 1024;

    /** The most text that stays after that, unless the newest message alone is longer. */
    private static final long KEPT_BYTES = MAX_INLINE_BYTES / 2;

    /** The appended text after which a document is measured, on average. */
    private static final int BYTES_PER_MEASUREMENT = 256 * 1024;

    /** The most text of a block, unless one message alone is longer. */
    private static final long BLOCK_BYTES = 512 * 1024;

    /** The most text of one cut. Each cut rewrites the rest of the document. */
    private static final long CUT_BYTES = 2 * 1024 * 1024;

    private static final int CUT_MESSAGES = 50 * MessageBlocks.MESSAGES_PER_BLOCK;

    private static final Logger LOG = Logger.getLogger(MessageOffloader.class);

    /** The number of concurrent offloads. Each takes a few times {@link #CUT_BYTES} of memory. */
    private static final int AT_ONCE = 2;

    /** The longest offload; a connection that stays silent must not stop all others. */
    private static final Duration TIMEOUT = Duration.ofMinutes(5);

    private final LimitsConfig limits;
    private final Conversations conversations;
    private final InlineMessages inline;
    private final MessageBlocks blocks;

    /** Conversations that are queued or being offloaded; true if an append arrived since the offload began. */
    private final Map<BsonValue, Boolean> pending = new ConcurrentHashMap<>();

    /** Completed after the next offload of a conversation, for appends that found its document full. */
    private final Map<BsonValue, CompletableFuture<Void>> waiting = new ConcurrentHashMap<>();

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
     * Requests an offload if the document may hold too much after this append. Does not wait for it.
     *
     * @param inline the number of messages in the document
     */
    void afterAppend(BsonValue conversation, int inline, List<Message> appended) {
        boolean tooMany = inline >= limits.inlineMessages() + MessageBlocks.MESSAGES_PER_BLOCK;
        if (tooMany || isMeasured(appended)) {
            request(conversation);
        }
    }

    /** Decides at random, in proportion to the size of the messages, so that processes need not share a counter. */
    private static boolean isMeasured(List<Message> appended) {
        int bytes = appended.stream().mapToInt(Message::size).sum();
        return ThreadLocalRandom.current().nextInt(BYTES_PER_MEASUREMENT) < bytes;
    }

    private Uni<Void> offloadAndLog(BsonValue conversation) {
        return Uni.createFrom()
                .deferred(() -> {
                    pending.put(conversation, false);
                    return offloadAll(conversation).ifNoItem().after(TIMEOUT).fail();
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
                    releaseWaiting(conversation);
                });
    }

    private void releaseWaiting(BsonValue conversation) {
        CompletableFuture<Void> room = waiting.remove(conversation);
        if (room != null) {
            room.complete(null);
        }
    }

    private Uni<Void> offloadAll(BsonValue conversation) {
        return offload(conversation, limits.inlineMessages())
                .invoke(() -> releaseWaiting(conversation))
                .chain(count ->
                        count > 0 ? offloadAll(conversation) : Uni.createFrom().voidItem());
    }

    /** Requests an offload of a full document, and completes when it has room. */
    Uni<Void> makeRoom(Bson selected) {
        return conversations.idOf(selected).onItem().ifNotNull().transformToUni(id -> {
            CompletableFuture<Void> room = waiting.computeIfAbsent(id, full -> new CompletableFuture<>());
            request(id);
            return Uni.createFrom().completionStage(room::copy); // a caller that gives up cancels its copy only
        });
    }

    private void request(BsonValue conversation) {
        if (pending.put(conversation, true) == null) {
            queue.emit(conversation);
        }
    }

    /**
     * Offloads once.
     *
     * @param kept the number of newest messages that stay if their text is short
     * @return the number of offloaded messages
     */
    private Uni<Integer> offload(BsonValue conversation, int kept) {
        return inline.measure(conversation, CUT_MESSAGES)
                .onItem()
                .ifNull()
                .continueWith(MessageOffloader::nothing)
                .chain(size -> {
                    List<Integer> lengths = lengths(size, kept);
                    return lengths.isEmpty() ? Uni.createFrom().item(0) : offload(size, lengths);
                })
                .onFailure(DriverFailure::isTooLarge)
                .recoverWithUni(tooLarge -> inline.measure(conversation, 1)
                        .onItem()
                        .ifNotNull()
                        .transformToUni(size -> offload(size, List.of(1))) // one message alone fits into a block
                        .onItem()
                        .ifNull()
                        .continueWith(0));
    }

    private static InlineMessages.Size nothing() {
        return new InlineMessages.Size(new StoredConversation(new BsonDocument(), 0), 0, List.of());
    }

    /**
     * Returns the number of messages of each block of this cut. Includes full blocks only, so that every attempt creates the
     * same blocks.
     */
    private static List<Integer> lengths(InlineMessages.Size size, int kept) {
        int inline = size.conversation().inline();
        int count = (inline - kept) / MessageBlocks.MESSAGES_PER_BLOCK * MessageBlocks.MESSAGES_PER_BLOCK;
        long rest = size.bytes();
        if (rest > MAX_INLINE_BYTES) {
            int next = 0;
            while (next < size.oldest().size() && next < inline - 1 && rest > KEPT_BYTES) {
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
                return Uni.createFrom().item(() -> tryAgain(conversation)); // another process changed them
            }
            Optional<BsonValue> generation = conversation.generation(first);
            boolean full = lengths.stream().allMatch(length -> length == MessageBlocks.MESSAGES_PER_BLOCK);
            Uni<Optional<BsonDocument>> written = full || generation.isPresent()
                    ? blocks.write(inBlocks(conversation.id(), first, generation, lengths, messages))
                            .replaceWith(Optional.<BsonDocument>empty())
                            .onFailure(MessageBlocks.Conflict.class)
                            .recoverWithUni(conflict -> inNewGeneration(conversation, lengths, messages))
                    : inNewGeneration(conversation, lengths, messages);
            return written.chain(
                            newGeneration -> inline.cut(conversation, count, messages.get(count - 1), newGeneration))
                    .map(cut -> cut ? count : tryAgain(conversation));
        });
    }

    private int tryAgain(StoredConversation conversation) {
        request(conversation.id());
        return 0;
    }

    /**
     * Writes the blocks under a new generation: a restored backup left other blocks under the same ids, or they have fewer
     * messages than an older version of the service expects of a block without a generation. The generation is derived from the
     * messages, so that every attempt writes the same blocks.
     */
    private Uni<Optional<BsonDocument>> inNewGeneration(
            StoredConversation conversation, List<Integer> lengths, List<BsonValue> messages) {
        int first = conversation.offloaded();
        BsonValue generation = generationOf(messages);
        LOG.infof(
                "event=block-generation conversation=%s first=%d generation=%s", conversation.id(), first, generation);
        return blocks.write(inBlocks(conversation.id(), first, Optional.of(generation), lengths, messages))
                .replaceWith(Optional.of(new BsonDocument(FIRST, new BsonInt32(first)).append(GENERATION, generation)));
    }

    private static BsonValue generationOf(List<BsonValue> messages) {
        ByteBuffer bytes = new RawBsonDocument(
                        new BsonDocument(ConversationFields.MESSAGES, new BsonArray(messages)), new BsonDocumentCodec())
                .getByteBuffer()
                .asNIO();
        MessageDigest digest = Text.sha256();
        digest.update(bytes);
        return new BsonObjectId(new ObjectId(Arrays.copyOf(digest.digest(), 12)));
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
