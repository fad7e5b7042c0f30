package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.MOVED;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.InsertManyOptions;
import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.error.DriverFailure;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/**
 * Keeps a conversation's document small: what is older than the window is moved into blocks, behind the back of the callers.
 * The blocks are written first, under ids that follow from what they hold, and then the document is cut by one update that
 * is guarded by what was read. So a crash between the two leaves blocks that the next move finds as it wants them, and two
 * movers do the same work once.
 */
@ApplicationScoped
public class MessageMover {

    private static final Logger LOG = Logger.getLogger(MessageMover.class);

    /** How many blocks are written before the document is cut: each cut writes all that is left of it. */
    private static final int BLOCKS_A_CUT = 50;

    /** How often a cut is tried while others append. */
    private static final int ATTEMPTS = 20;

    private final LimitsConfig limits;
    private final BlockIndex index;
    private final Map<BsonValue, State> underWay = new ConcurrentHashMap<>();

    MessageMover(LimitsConfig limits, BlockIndex index) {
        this.limits = limits;
        this.index = index;
    }

    /**
     * Begins to move what the document has too much, where it has, and does not wait for it. An append that comes while it is
     * being moved has it looked at once more: the size may have been read before.
     */
    void afterAppend(BsonValue conversation, int inline) {
        if (inline >= limits.inlineMessages() + MessageBlock.SIZE
                && underWay.merge(conversation, State.MOVING, (before, again) -> State.LOOK_AGAIN) == State.MOVING) {
            begin(conversation);
        }
    }

    private void begin(BsonValue conversation) {
        moveAll(conversation)
                .subscribe()
                .with(
                        done -> {
                            if (underWay.computeIfPresent(conversation, MessageMover::next) != null) {
                                begin(conversation);
                            }
                        },
                        failure -> {
                            underWay.remove(conversation);
                            LOG.warnf(
                                    "event=move-failed conversation=%s reason=\"%s\": the next append tries again",
                                    conversation, failure.getMessage());
                        });
    }

    private static State next(BsonValue conversation, State state) {
        return state == State.LOOK_AGAIN ? State.MOVING : null;
    }

    private enum State {
        MOVING,
        LOOK_AGAIN
    }

    private Uni<Void> moveAll(BsonValue conversation) {
        return move(conversation, limits.inlineMessages(), BLOCKS_A_CUT)
                .chain(moved ->
                        moved > 0 ? moveAll(conversation) : Uni.createFrom().voidItem());
    }

    /** Moves one block, however few messages are left, out of a document that is full; another mover may have done so. */
    Uni<Void> makeRoom(BsonDocument conversation) {
        return ConversationService.documents()
                .find(conversation, new FindOptions().projection(Projections.include(ID)))
                .toUni()
                .onItem()
                .ifNotNull()
                .transformToUni(found -> move(found.get(ID), MessageBlock.SIZE, 1))
                .replaceWithVoid();
    }

    /** Moves whole blocks, at most {@code most}, so that {@code kept} messages or more stay. Tells how many messages went. */
    private Uni<Integer> move(BsonValue conversation, int kept, int most) {
        return size(conversation).chain(size -> {
            int blocks = Math.min((size.inline - kept) / MessageBlock.SIZE, most);
            if (blocks <= 0) {
                return Uni.createFrom().item(0);
            }
            int count = blocks * MessageBlock.SIZE;
            return oldest(conversation, size.moved, count)
                    .chain(messages -> write(conversation, size.moved, messages))
                    .chain(() -> cut(conversation, size, count, ATTEMPTS));
        });
    }

    private record Size(int moved, int inline) {}

    private static Uni<Size> size(BsonValue conversation) {
        return ConversationService.documents()
                .find(
                        new BsonDocument(ID, conversation),
                        new FindOptions().projection(Projections.include(MOVED, MESSAGES + ".none")))
                .toUni()
                .map(found -> found == null
                        ? new Size(0, 0)
                        : new Size(moved(found), messages(found).size()));
    }

    static int moved(BsonDocument conversation) {
        BsonValue moved = conversation.get(MOVED);
        return moved != null && moved.isNumber() ? moved.asNumber().intValue() : 0;
    }

    static BsonArray messages(BsonDocument conversation) {
        BsonValue messages = conversation.get(MESSAGES);
        return messages != null && messages.isArray() ? messages.asArray() : new BsonArray();
    }

    /** The oldest in the document; none where it was cut meanwhile. */
    private static Uni<List<BsonValue>> oldest(BsonValue conversation, int moved, int count) {
        return ConversationService.documents()
                .find(
                        afterMoving(conversation, moved),
                        new FindOptions()
                                .projection(Projections.fields(
                                        Projections.include(MOVED), Projections.slice(MESSAGES, 0, count))))
                .toUni()
                .map(found -> found == null ? List.of() : messages(found));
    }

    private Uni<Void> write(BsonValue conversation, int moved, List<BsonValue> messages) {
        List<BsonDocument> blocks = new ArrayList<>();
        for (int i = 0; i + MessageBlock.SIZE <= messages.size(); i += MessageBlock.SIZE) {
            blocks.add(MessageBlock.of(conversation, moved + i, messages.subList(i, i + MessageBlock.SIZE)));
        }
        return blocks.isEmpty()
                ? Uni.createFrom().voidItem()
                : index.ensure()
                        .chain(() ->
                                MessageBlock.documents().insertMany(blocks, new InsertManyOptions().ordered(false)))
                        .replaceWithVoid()
                        .onFailure(DriverFailure::isDuplicateKeyAlone)
                        .recoverWithUni(() -> requireThere(blocks));
    }

    /** Another mover, or one that crashed, has written the same; it counts when it cannot be rolled back any more. */
    private static Uni<Void> requireThere(List<BsonDocument> blocks) {
        List<BsonValue> ids = blocks.stream().map(block -> block.get(ID)).toList();
        return MessageBlock.documents()
                .find(Filters.in(ID, ids), new FindOptions().projection(Projections.include(ID)))
                .collect()
                .asList()
                .invoke(there -> {
                    if (there.size() < ids.size()) {
                        throw new IllegalStateException("another process is writing the same blocks");
                    }
                })
                .replaceWithVoid();
    }

    /** Cuts the head off, where as many were moved as when it was read; appends in between are seen by the size. */
    private static Uni<Integer> cut(BsonValue conversation, Size size, int count, int attempts) {
        BsonDocument guard = afterMoving(conversation, size.moved)
                .append(MESSAGES, new BsonDocument("$size", new BsonInt32(size.inline)));
        BsonDocument rest =
                new BsonDocument("$each", new BsonArray()).append("$slice", new BsonInt32(count - size.inline));
        BsonDocument update = new BsonDocument("$push", new BsonDocument(MESSAGES, rest))
                .append("$set", new BsonDocument(MOVED, new BsonInt32(size.moved + count)));
        return ConversationService.documents().updateOne(guard, update).chain(result -> {
            if (result.getMatchedCount() > 0) {
                return Uni.createFrom().item(count);
            }
            return size(conversation)
                    .chain(now -> now.moved == size.moved && now.inline >= size.inline && attempts > 1
                            ? cut(conversation, now, count, attempts - 1)
                            : Uni.createFrom().item(0));
        });
    }

    private static BsonDocument afterMoving(BsonValue conversation, int moved) {
        return new BsonDocument(ID, conversation).append(MOVED, exactly(moved));
    }

    /** In a filter: so many were moved, and no more. */
    static BsonValue exactly(int moved) {
        return moved == 0 ? new BsonDocument("$exists", BsonBoolean.FALSE) : new BsonInt32(moved);
    }
}
