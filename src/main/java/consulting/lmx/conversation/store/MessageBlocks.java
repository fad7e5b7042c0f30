package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.BLOCKS;
import static consulting.lmx.conversation.store.ConversationFields.BLOCK_CONVERSATION;
import static consulting.lmx.conversation.store.ConversationFields.BLOCK_KEYS;
import static consulting.lmx.conversation.store.ConversationFields.FIRST;
import static consulting.lmx.conversation.store.ConversationFields.GENERATION;
import static consulting.lmx.conversation.store.ConversationFields.ID;
import static consulting.lmx.conversation.store.ConversationFields.IDEMPOTENCY_KEY;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.MessageQuery.operator;

import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.DeleteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.InsertManyOptions;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import consulting.lmx.conversation.mongo.CallersContext;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.quarkus.mongodb.AggregateOptions;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * The older messages of long conversations: blocks of some in a row, each written once, under an {@code _id} that follows from
 * the conversation and the index of the first message, and never changed. A block counts only as far as its conversation says
 * that messages are offloaded, and only if it has the generation that the conversation names.
 */
@ApplicationScoped
public class MessageBlocks {

    /** How many messages a block holds at most. */
    static final int MESSAGES_PER_BLOCK = 100;

    /** How many blocks one read takes at most; those that the service writes under default limits hold 32 messages or more. */
    private static final int BLOCKS_PER_READ = 16;

    private static final String POSITION = "position";
    private static final BsonValue FIRST_OF_BLOCK = new BsonString("$" + ID + "." + FIRST);

    static final String KEY_INDEX = "conversation_blocks_retry_keys";

    private static final Logger LOG = Logger.getLogger(MessageBlocks.class);

    private final ReactiveMongoCollection<BsonDocument> blocks;
    private volatile boolean keyIndexTried;

    MessageBlocks(ReactiveMongoClient client, @ConfigProperty(name = "quarkus.mongodb.database") String database) {
        this.blocks = client.getDatabase(database).getCollection(BLOCKS, BsonDocument.class);
    }

    /** Blocks that are there already and hold other messages: of another incarnation of the conversation. */
    static final class Conflict extends RuntimeException {
        private Conflict() {
            super("Blocks of another incarnation of the conversation are in the way");
        }
    }

    /** A block of these messages. */
    static BsonDocument block(
            BsonValue conversation, int first, Optional<BsonValue> generation, List<BsonValue> messages) {
        BsonDocument id = id(conversation, new BsonInt32(first));
        generation.ifPresent(value -> id.append(GENERATION, value));
        BsonArray keys = new BsonArray();
        for (BsonValue message : messages) {
            BsonValue key = message.isDocument() ? message.asDocument().get(IDEMPOTENCY_KEY) : null;
            if (key != null) {
                keys.add(key);
            }
        }
        BsonDocument block = new BsonDocument(ID, id).append(MESSAGES, new BsonArray(messages));
        return keys.isEmpty() ? block : block.append(BLOCK_KEYS, keys);
    }

    private static BsonDocument id(BsonValue conversation, BsonValue first) {
        return new BsonDocument(BLOCK_CONVERSATION, conversation).append(FIRST, first);
    }

    private static Bson blocksOf(BsonValue conversation) {
        return Filters.and(
                Filters.gt(ID, id(conversation, new BsonMinKey())), Filters.lt(ID, id(conversation, new BsonMaxKey())));
    }

    /**
     * Messages with an index from {@code from} to before {@code to}, all of them offloaded, in parts in their order; fewer if
     * they stand in many blocks, but the first ones of a read forward and the last ones of a read backward. Empty if the block
     * of the first or the last one is missing.
     *
     * @param maxBytes how much text each part may hold; the messages of a longer one are left out
     */
    Uni<List<MessagePart>> read(StoredConversation conversation, int from, int to, boolean forward, long maxBytes) {
        MessageWindow window = new MessageWindow(to - from, Optional.of(to), Optional.of(from - 1));
        BsonValue end = operator("$add", FIRST_OF_BLOCK, operator("$size", MessageQuery.LIST));
        List<Bson> pipeline = new ArrayList<>(List.of(
                Aggregates.match(Filters.and(
                        Filters.gte(ID, id(conversation.id(), new BsonInt32(from - MESSAGES_PER_BLOCK + 1))),
                        Filters.lt(ID, id(conversation.id(), new BsonInt32(to))),
                        Filters.expr(operator("$gt", end, new BsonInt32(from))))),
                Aggregates.sort(forward ? Sorts.ascending(ID) : Sorts.descending(ID)),
                Aggregates.limit(BLOCKS_PER_READ)));
        pipeline.addAll(MessageQuery.stages(List.of(), FIRST_OF_BLOCK, window, maxBytes));
        return CallersContext.keep(
                        blocks.aggregate(pipeline, simple()).collect().asList())
                .map(found -> {
                    Map<MessagePart, Optional<BsonValue>> generations = new HashMap<>();
                    found.forEach(
                            block -> generations.put(MessagePart.of(block, first(block), window), generationOf(block)));
                    return inOrder(conversation, generations, from, to, forward);
                });
    }

    private static AggregateOptions simple() {
        return new AggregateOptions().collation(Conversations.SIMPLE);
    }

    private static Optional<BsonValue> generationOf(BsonDocument block) {
        return Optional.ofNullable(block.getDocument(ID).get(GENERATION));
    }

    private static List<MessagePart> inOrder(
            StoredConversation conversation,
            Map<MessagePart, Optional<BsonValue>> found,
            int from,
            int to,
            boolean forward) {
        List<MessagePart> parts = new ArrayList<>();
        int low = from;
        int high = to;
        while (low < high) {
            int next = forward ? low : high - 1;
            Optional<BsonValue> wanted = conversation.generation(next);
            Optional<MessagePart> part = found.keySet().stream()
                    .filter(candidate -> candidate.covers(next) && isValid(found.get(candidate), wanted))
                    .max((a, b) -> Boolean.compare(
                            found.get(a).equals(wanted), found.get(b).equals(wanted)));
            if (part.isEmpty()) {
                break;
            }
            if (forward) {
                int end = Math.min(part.get().end(), high);
                parts.add(part.get().sub(low, end));
                low = end;
            } else {
                int begin = Math.max(part.get().first(), low);
                parts.add(0, part.get().sub(begin, high));
                high = begin;
            }
        }
        return parts;
    }

    /** A replica of an older version, which knows no generations, may have written the block: that one is valid too. */
    private static boolean isValid(Optional<BsonValue> generation, Optional<BsonValue> wanted) {
        return generation.equals(wanted) || generation.isEmpty();
    }

    /** The index of the offloaded message that was sent with this idempotency key; empty if there is none. */
    Uni<Optional<Integer>> indexOfKey(StoredConversation conversation, String key) {
        List<Bson> pipeline = List.of(
                Aggregates.match(holding(key, conversation.id())),
                Aggregates.project(new BsonDocument(POSITION, MessageQuery.positionOfKey(key))));
        return CallersContext.keep(
                        blocks.aggregate(pipeline, simple()).collect().asList())
                .map(found -> found.stream()
                        .filter(block -> first(block) + position(block) < conversation.offloaded())
                        .filter(block -> isValid(generationOf(block), conversation.generation(first(block))))
                        .max(Comparator.comparing(
                                block -> generationOf(block).equals(conversation.generation(first(block)))))
                        .map(block -> first(block) + position(block)));
    }

    private static int first(BsonDocument block) {
        return block.getDocument(ID).getNumber(FIRST).intValue();
    }

    private static int position(BsonDocument block) {
        return block.getNumber(POSITION).intValue();
    }

    /** Finds the blocks of a conversation that hold a message sent with this key, by the index of keys. */
    static Bson holding(String key, BsonValue conversation) {
        return Filters.and(blocksOf(conversation), Filters.eq(BLOCK_KEYS, new BsonString(key)));
    }

    /**
     * Writes blocks. It is no failure if another process has written the same ones. Fails with {@link Conflict} if a block of
     * the same {@code _id} holds other messages.
     */
    Uni<Void> write(List<BsonDocument> written) {
        return ensureKeyIndex()
                .chain(() -> blocks.insertMany(written, new InsertManyOptions().ordered(false)))
                .replaceWithVoid()
                .onFailure(DriverFailure::isDuplicateKeyAlone)
                .recoverWithUni(() -> requireSame(written));
    }

    /** The read has concern majority, so a block that it shows cannot be rolled back any more. */
    private Uni<Void> requireSame(List<BsonDocument> written) {
        List<BsonValue> ids = written.stream().map(block -> block.get(ID)).toList();
        return blocks.find(Filters.in(ID, ids), new FindOptions().collation(Conversations.SIMPLE))
                .collect()
                .asMap(block -> block.get(ID), block -> block.get(MESSAGES))
                .invoke(stored -> {
                    if (stored.size() < ids.size()) {
                        throw new IllegalStateException("Another process is writing the same blocks");
                    }
                    if (written.stream().anyMatch(block -> !block.get(MESSAGES).equals(stored.get(block.get(ID))))) {
                        throw new Conflict();
                    }
                })
                .replaceWithVoid();
    }

    /**
     * Makes the index that finds a key without reading the conversation's other blocks. Only speed depends on it, so the writer
     * goes on without it; the next one tries again unless the user of the connection lacks the privilege.
     */
    private Uni<Void> ensureKeyIndex() {
        if (keyIndexTried) {
            return Uni.createFrom().voidItem();
        }
        IndexOptions options = new IndexOptions()
                .name(KEY_INDEX)
                .partialFilterExpression(Filters.exists(BLOCK_KEYS))
                .collation(Conversations.SIMPLE);
        return blocks.createIndex(Indexes.ascending(BLOCK_KEYS, ID), options)
                .replaceWithVoid()
                .invoke(() -> keyIndexTried = true)
                .onFailure()
                .recoverWithItem(failure -> {
                    keyIndexTried = !DriverFailure.isUnavailable(failure);
                    LOG.warnf(
                            "event=key-index-missing name=%s reason=\"%s\": an append with an Idempotency-Key reads each block"
                                    + " of a long conversation; grant createIndex on %s and restart",
                            KEY_INDEX, failure.getMessage(), BLOCKS);
                    return null;
                });
    }

    /** Deletes the blocks of a conversation that is deleted; gives their number. */
    Uni<Long> deleteOf(BsonValue conversation) {
        return blocks.deleteMany(blocksOf(conversation), new DeleteOptions().collation(Conversations.SIMPLE))
                .map(result -> result.getDeletedCount());
    }

    /** The first conversation after {@code last} that has blocks, in the order of {@code _id}; empty after the last one. */
    Uni<Optional<BsonValue>> nextConversation(Optional<BsonValue> last) {
        return blocks.find(
                        last.map(id -> Filters.gt(ID, id(id, new BsonMaxKey()))).orElseGet(Filters::empty),
                        new FindOptions()
                                .collation(Conversations.SIMPLE)
                                .sort(Sorts.ascending(ID))
                                .projection(Projections.include(ID))
                                .limit(1))
                .toUni()
                .map(block -> Optional.ofNullable(block)
                        .map(found -> found.getDocument(ID).get(BLOCK_CONVERSATION)));
    }
}
