package consulting.lmx.conversation.store;

import consulting.lmx.conversation.mongo.Retry;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.jboss.logging.Logger;

/**
 * Reads messages of a conversation from its document and its blocks. The size of a reply is bounded, whatever is stored: a short
 * page is read at once; a longer one is measured first, then memory is reserved, then it is read.
 */
@ApplicationScoped
public class MessageReader {

    private static final Logger LOG = Logger.getLogger(MessageReader.class);

    private final Conversations conversations;
    private final MessageBlocks blocks;

    MessageReader(Conversations conversations, MessageBlocks blocks) {
        this.conversations = conversations;
        this.blocks = blocks;
    }

    /**
     * Consecutive messages of a conversation.
     *
     * @param first the index of the first message
     * @param hasMore whether there are more in the requested direction
     */
    public record Page(StoredConversation conversation, int first, List<Message> messages, boolean hasMore) {

        /** The newest of these messages; there must be one. */
        Message last() {
            return messages.get(messages.size() - 1);
        }
    }

    /**
     * Reads the messages in the window, at most {@code maxBytes} of JSON but at least one message. Returns null if there is no such
     * conversation. Fails with {@link ErrorCode#MESSAGES_LOST} if offloaded messages are missing from the database.
     *
     * @param whole true to read all known fields of the conversation, false for only those that a read of messages needs
     */
    public Uni<Page> read(BsonDocument selected, boolean whole, MessageWindow window, long maxBytes, Memory memory) {
        return Retry.whileOutdated(
                readOnce(selected, whole, window, maxBytes, memory),
                () -> new ServiceException(
                        ErrorCode.MESSAGES_LOST,
                        "Older messages of this conversation are missing from the database: a backup was restored without the"
                                + " collection conversation_blocks. Restore that collection too."));
    }

    /** Fails with {@link Retry.Outdated} if the conversation changes between two reads, or a block is missing. */
    private Uni<Page> readOnce(
            BsonDocument selected, boolean whole, MessageWindow window, long maxBytes, Memory memory) {
        List<String> fields = whole ? StoredConversation.FIELDS : Conversations.POSITION;
        return conversations.read(selected, fields, window).onItem().ifNotNull().transformToUni(read -> {
            StoredConversation conversation = read.conversation();
            MessageWindow.Range range = window.in(conversation.messageCount());
            Direction direction = new Direction(window.isForward(), maxBytes);
            return parts(conversation, range.from(), range.to(), read.inline(), direction, Conversations.SHORT_BYTES)
                    .map(direction::fit)
                    .chain(parts -> reserve(conversation, parts, memory)
                            .chain(() -> withMessages(conversation, parts, direction)))
                    .chain(parts -> conversations
                            .withMetadata(conversation)
                            .map(complete -> page(complete, range, parts, direction)));
        });
    }

    /** Returns the newest of {@code all} messages, as {@link #read} does. */
    public static Page newest(StoredConversation conversation, List<Message> all, int limit, long maxBytes) {
        MessageWindow.Range range = MessageWindow.newest(limit).in(all.size());
        MessagePart part = MessagePart.of(range.from(), all.subList(range.from(), range.to()));
        Direction backward = new Direction(false, maxBytes);
        return page(conversation, range, backward.fit(List.of(part)), backward);
    }

    private record Direction(boolean forward, long maxBytes) {

        /** Shortens the parts at their far end to the bound, but keeps at least one message. */
        List<MessagePart> fit(List<MessagePart> parts) {
            List<MessagePart> fitting = new ArrayList<>();
            long bytes = 0;
            for (int i = 0; i < parts.size(); i++) {
                MessagePart part = parts.get(forward ? i : parts.size() - 1 - i);
                int count = part.sizes().size();
                int taken = 0;
                while (taken < count) {
                    bytes += part.sizes().get(forward ? taken : count - 1 - taken);
                    if (bytes > maxBytes && (taken > 0 || !fitting.isEmpty())) {
                        break;
                    }
                    taken++;
                }
                if (taken > 0) {
                    MessagePart cut = forward
                            ? part.sub(part.first(), part.first() + taken)
                            : part.sub(part.end() - taken, part.end());
                    fitting.add(forward ? fitting.size() : 0, cut);
                }
                if (taken < count) {
                    break;
                }
            }
            return fitting;
        }
    }

    /** Returns the range from blocks and document, in order; {@code inline} is the document's part. */
    private Uni<List<MessagePart>> parts(
            StoredConversation conversation, int from, int to, MessagePart inline, Direction direction, long maxBytes) {
        int offloaded = conversation.offloaded();
        List<MessagePart> newest = new ArrayList<>();
        if (to > offloaded && from < to) {
            if (inline.first() > Math.max(from, offloaded) || inline.end() < to) {
                throw new Retry.Outdated();
            }
            newest.add(inline.sub(Math.max(from, offloaded), to));
        }
        if (from >= offloaded || from >= to) {
            return Uni.createFrom().item(newest);
        }
        int end = Math.min(to, offloaded);
        return blocks.read(conversation, from, end, direction.forward(), maxBytes)
                .map(older -> {
                    if (older.isEmpty()) {
                        LOG.warnf(
                                "event=block-missing conversation=%s index=%d",
                                conversation.id(), direction.forward() ? from : end - 1);
                        throw new Retry.Outdated();
                    }
                    boolean whole = direction.forward()
                            ? older.get(older.size() - 1).end() == end
                            : older.get(0).first() == from;
                    List<MessagePart> all = new ArrayList<>(older);
                    if (whole || !direction.forward()) {
                        all.addAll(newest);
                    }
                    return all;
                });
    }

    private static boolean hasMessages(List<MessagePart> parts) {
        return parts.stream().allMatch(part -> part.messages() != null);
    }

    private static long bytes(List<MessagePart> parts) {
        return parts.stream()
                .flatMap(part -> part.sizes().stream())
                .mapToLong(Integer::longValue)
                .sum();
    }

    /** Reserves memory for what is not read yet. */
    private static Uni<Void> reserve(StoredConversation conversation, List<MessagePart> parts, Memory memory) {
        long bytes = Conversations.metadataBytes(conversation) + (hasMessages(parts) ? 0 : bytes(parts));
        return bytes > 0 ? memory.reserve(bytes) : Uni.createFrom().voidItem();
    }

    private Uni<List<MessagePart>> withMessages(
            StoredConversation conversation, List<MessagePart> parts, Direction direction) {
        if (hasMessages(parts)) {
            return Uni.createFrom().item(parts);
        }
        int from = parts.get(0).first();
        int to = parts.get(parts.size() - 1).end();
        long bytes = bytes(parts);
        MessageWindow exactly = new MessageWindow(to - from, Optional.of(to), Optional.of(from - 1));
        BsonDocument same = Conversations.unmoved(conversation);
        return conversations
                .readMeasured(same, Conversations.POSITION, exactly, bytes)
                .onItem()
                .ifNull()
                .failWith(Retry.Outdated::new)
                .chain(read -> parts(conversation, from, to, read.inline(), direction, bytes))
                .invoke(read -> {
                    if (!hasMessages(read)) {
                        throw new Retry.Outdated();
                    }
                })
                .map(direction::fit); // their JSON may be longer than their text
    }

    private static Page page(
            StoredConversation conversation, MessageWindow.Range range, List<MessagePart> parts, Direction direction) {
        List<Message> messages = new ArrayList<>();
        parts.forEach(part -> messages.addAll(part.messages()));
        int first = parts.isEmpty() ? range.from() : parts.get(0).first();
        int end = first + messages.size();
        boolean cut = direction.forward() ? end < range.to() : first > range.from();
        return new Page(conversation, first, messages, cut || range.more());
    }

    /**
     * Returns the message with this idempotency key, and those before it that a request of {@code count} messages sent with it; empty
     * if there is none.
     */
    Uni<Optional<Page>> sentWith(String key, StoredConversation conversation, int inlinePosition, int count) {
        Uni<Optional<Integer>> index = inlinePosition >= 0
                ? Uni.createFrom().item(Optional.of(conversation.offloaded() + inlinePosition))
                : conversation.offloaded() > 0
                        ? blocks.indexOfKey(conversation, key)
                        : Uni.createFrom().item(Optional.empty());
        return index.chain(found -> found.isEmpty()
                ? Uni.createFrom().item(Optional.empty())
                : readOnce(
                                Conversations.unmoved(conversation),
                                false,
                                new MessageWindow(count, Optional.of(found.get() + 1), Optional.empty()),
                                Long.MAX_VALUE,
                                bytes -> Uni.createFrom().voidItem())
                        .map(page -> Optional.ofNullable(page)
                                .filter(sent -> key.equals(sent.last().idempotencyKey())))
                        .onFailure(Retry.Outdated.class)
                        .transform(outdated -> Retry.changing()));
    }
}
