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

import com.mongodb.CreateIndexCommitQuorum;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.CreateIndexOptions;
import com.mongodb.client.model.DeleteOptions;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexModel;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import com.mongodb.client.model.InsertManyOptions;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import consulting.lmx.conversation.mongo.CallersContext;
import consulting.lmx.conversation.mongo.Collations;
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
 * The collection of offloaded messages. A block holds consecutive messages of a conversation. Its {@code _id} is derived from
 * the conversation and the index of the first message, and it never changes. A block is valid only below the conversation's
 * offloaded count, and only with the generation that the conversation names.
 */
@ApplicationScoped
public class MessageBlocks {

    /** The most messages of a block. */
    static final int MESSAGES_PER_BLOCK = 100;

    /** The most blocks of one read. Under default limits a block holds 32 messages or more. */
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

    /** Blocks with the same ids hold other messages: a restored backup left them. */
    static final class Conflict extends RuntimeException {
        private Conflict() {
            super("Blocks with the same ids hold other messages");
        }
    }

    /** Creates a block of these messages. */
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
     * Reads offloaded messages with indexes from {@code from} (inclusive) to {@code to} (exclusive), in order. Returns fewer if
     * they are in many blocks: the first ones of a forward read, the last ones of a backward read. Returns none if the first
     * block in that direction is missing.
     *
     * @param maxBytes the most text of a part; a longer part has sizes but no messages
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
        return new AggregateOptions().collation(Collations.SIMPLE);
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

    /** A block without a generation is valid too: a replica of an older version may have written it. */
    private static boolean isValid(Optional<BsonValue> generation, Optional<BsonValue> wanted) {
        return generation.equals(wanted) || generation.isEmpty();
    }

    /** Returns the index of the offloaded message with this idempotency key; empty if there is none. */
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

    /** A filter for the blocks of a conversation with a message of this idempotency key. */
    static Bson holding(String key, BsonValue conversation) {
        return Filters.and(blocksOf(conversation), Filters.eq(BLOCK_KEYS, new BsonString(key)));
    }

    /**
     * Writes blocks. Another process may have written the same blocks. Fails with {@link Conflict} if a block with the same
     * {@code _id} holds other messages.
     */
    Uni<Void> write(List<BsonDocument> written) {
        return ensureKeyIndex()
                .chain(() -> blocks.insertMany(written, new InsertManyOptions().ordered(false)))
                .replaceWithVoid()
                .onFailure(DriverFailure::isDuplicateKeyAlone)
                .recoverWithUni(() -> requireSame(written));
    }

    /** Reads with concern majority, so that the blocks found cannot be rolled back. */
    private Uni<Void> requireSame(List<BsonDocument> written) {
        List<BsonValue> ids = written.stream().map(block -> block.get(ID)).toList();
        return blocks.find(Filters.in(ID, ids), new FindOptions().collation(Collations.SIMPLE))
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
     * Creates the index on idempotency keys. Only speed depends on it, so a failure does not stop the write. The next write tries
     * again if the database was unavailable.
     */
    private Uni<Void> ensureKeyIndex() {
        if (keyIndexTried) {
            return Uni.createFrom().voidItem();
        }
        IndexOptions options = new IndexOptions()
                .name(KEY_INDEX)
                .partialFilterExpression(Filters.exists(BLOCK_KEYS))
                .collation(Collations.SIMPLE);
        List<IndexModel> index = List.of(new IndexModel(Indexes.ascending(BLOCK_KEYS, ID), options));
        // The default quorum waits for members that are down. MongoDB before 4.4, and a standalone server, have no
        // quorum.
        return blocks.createIndexes(index, new CreateIndexOptions().commitQuorum(CreateIndexCommitQuorum.MAJORITY))
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithUni(() -> blocks.createIndexes(index))
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

    /** Deletes the blocks of a deleted conversation; returns their number. */
    Uni<Long> deleteOf(BsonValue conversation) {
        return blocks.deleteMany(blocksOf(conversation), new DeleteOptions().collation(Collations.SIMPLE))
                .map(result -> result.getDeletedCount());
    }

    /** Returns the {@code _id} of the next conversation with blocks after {@code last}; empty if there are no more. */
    Uni<Optional<BsonValue>> nextConversation(Optional<BsonValue> last) {
        return blocks.find(
                        last.map(id -> Filters.gt(ID, id(id, new BsonMaxKey()))).orElseGet(Filters::empty),
                        new FindOptions()
                                .collation(Collations.SIMPLE)
                                .sort(Sorts.ascending(ID))
                                .projection(Projections.include(ID))
                                .limit(1))
                .toUni()
                .map(block -> Optional.ofNullable(block)
                        .map(found -> found.getDocument(ID).get(BLOCK_CONVERSATION)));
    }
}
