package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_FIRST;
import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_KEYS;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.MOVED;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/**
 * Reads messages from wherever they are stored: the newest in the conversation's document, older ones in blocks. What a
 * document says to be moved is there, since a block is written before the document is cut, and never changed.
 */
@ApplicationScoped
public class MessageStore {

    /** How often a document is read that is cut again and again meanwhile. */
    private static final int ATTEMPTS = 5;

    /** A message and its index. */
    record Indexed(int index, Message message) {}

    /** The messages with an index from {@code from} to before {@code to}; both within the conversation as it was read. */
    Uni<List<Message>> range(Conversation conversation, int from, int to) {
        int moved = conversation.moved();
        List<Message> inline = conversation.messages.subList(
                Math.max(from, moved) - moved, Math.max(Math.max(from, to), moved) - moved);
        return from >= moved
                ? Uni.createFrom().item(inline)
                : movedRange(conversation.id, from, Math.min(to, moved)).map(older -> {
                    older.addAll(inline);
                    return older;
                });
    }

    /** The same, of a conversation of which at least {@code to} messages were moved. */
    Uni<List<Message>> movedRange(BsonValue conversation, int from, int to) {
        int firstBlock = from - from % MessageBlock.SIZE;
        return MessageBlock.documents()
                .find(
                        Filters.and(
                                Filters.gte(ID, MessageBlock.id(conversation, new BsonInt32(firstBlock))),
                                Filters.lt(ID, MessageBlock.id(conversation, new BsonInt32(to)))),
                        new FindOptions().sort(Sorts.ascending(ID)))
                .collect()
                .asList()
                .map(blocks -> {
                    List<Message> all = new ArrayList<>();
                    blocks.forEach(
                            block -> block.getArray(MESSAGES).forEach(message -> all.add(Message.fromBson(message))));
                    return new ArrayList<>(all.subList(from - firstBlock, to - firstBlock));
                });
    }

    /** Some messages, and how many had been moved when they were read. */
    record Part(int moved, List<Message> messages) {}

    /**
     * At most {@code limit} messages from the index {@code from} on, as they are now; null where the conversation is gone.
     *
     * @param conversation asks for it, by its {@code _id} at least
     * @param moved how many were moved when it was looked at last; where that is not so any more it is read once more
     */
    Uni<Part> read(BsonDocument conversation, int moved, int from, int limit) {
        return read(conversation, moved, from, limit, ATTEMPTS);
    }

    /** Of the document as it is after so many were moved: where it is not, its array begins at another message. */
    private Uni<Part> read(BsonDocument conversation, int moved, int from, int limit, int attempts) {
        return ConversationService.documents()
                .find(
                        conversation.clone().append(MOVED, MessageMover.exactly(moved)),
                        new FindOptions()
                                .projection(Projections.fields(
                                        Projections.include(MOVED),
                                        Projections.slice(MESSAGES, Math.max(0, from - moved), limit))))
                .toUni()
                .chain(found -> found == null
                        ? readAgain(conversation, from, limit, attempts)
                        : part(found, moved, from, limit));
    }

    private Uni<Part> readAgain(BsonDocument conversation, int from, int limit, int attempts) {
        return ConversationService.documents()
                .find(conversation, new FindOptions().projection(Projections.include(MOVED)))
                .toUni()
                .onItem()
                .ifNotNull()
                .transformToUni(now -> {
                    if (attempts <= 1) {
                        throw ConversationService.changing();
                    }
                    return read(conversation, MessageMover.moved(now), from, limit, attempts - 1);
                });
    }

    private Uni<Part> part(BsonDocument found, int moved, int from, int limit) {
        List<Message> inline =
                MessageMover.messages(found).stream().map(Message::fromBson).toList();
        if (from >= moved) {
            return Uni.createFrom().item(new Part(moved, inline));
        }
        int to = Math.min(from + limit, moved);
        return movedRange(found.get(ID), from, to).map(older -> {
            older.addAll(inline.subList(0, Math.min(inline.size(), limit - (to - from))));
            return new Part(moved, older);
        });
    }

    /** The moved message that came under {@code key}. */
    Uni<Optional<Indexed>> movedUnder(String key, BsonValue conversation) {
        return MessageBlock.documents()
                .find(holding(key, conversation))
                .toUni()
                .map(block -> Optional.ofNullable(block).map(found -> under(key, found)));
    }

    /** Asks for the block of a message that came under {@code key}, as {@link BlockIndex} has it. */
    static Bson holding(String key, BsonValue conversation) {
        return Filters.and(blocksOf(conversation), Filters.eq(BLOCK_KEYS, new BsonString(key)));
    }

    private static Indexed under(String key, BsonDocument block) {
        int first = block.getDocument(ID).getInt32(BLOCK_FIRST).getValue();
        int i = 0;
        for (BsonValue stored : block.getArray(MESSAGES)) {
            Message message = Message.fromBson(stored);
            if (key.equals(message.retryKey())) {
                return new Indexed(first + i, message);
            }
            i++;
        }
        throw new IllegalStateException("A block names a key that none of its messages came under: " + block.get(ID));
    }

    /** Deletes the blocks of a conversation that is no more. */
    Uni<Void> deleteMoved(BsonValue conversation) {
        return MessageBlock.documents().deleteMany(blocksOf(conversation)).replaceWithVoid();
    }

    private static Bson blocksOf(BsonValue conversation) {
        return Filters.and(
                Filters.gt(ID, MessageBlock.id(conversation, new BsonMinKey())),
                Filters.lt(ID, MessageBlock.id(conversation, new BsonMaxKey())));
    }
}
