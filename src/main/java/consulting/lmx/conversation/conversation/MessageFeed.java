package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.conversation.ConversationFields.MOVED;
import static consulting.lmx.conversation.conversation.ConversationFields.USER_ID;

import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.conversation.MessageStore.Part;
import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.http.AnswerLimit;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * The messages of a conversation as they come. They are read from where they are stored, each listener's one after the
 * other, and {@link ChangeFeed} only says when to look: so nothing can be missed or doubled between what was stored before and
 * what comes live.
 */
@ApplicationScoped
public class MessageFeed {

    /** How many messages are read at a time. */
    private static final int PAGE = 16;

    private final ChangeFeed changes;
    private final MessageStore store;
    private final ProvenPrimary primary;
    private final AnswerLimit limit;

    MessageFeed(ChangeFeed changes, MessageStore store, ProvenPrimary primary, AnswerLimit limit) {
        this.changes = changes;
        this.store = store;
        this.primary = primary;
        this.limit = limit;
    }

    /**
     * The messages after index {@code after}, without end, or only what is new from now on. An index that the conversation
     * has not reached comes from another one that was under the same id before: then all of it is told. An empty item says
     * that the conversation was deleted, and is the last. Fails with {@link ErrorCode#CONVERSATION_NOT_FOUND} before the
     * first item where the caller has no such conversation, and later where a read does.
     */
    Uni<Multi<Optional<MessageView>>> follow(String caller, String conversationId, Optional<Integer> after) {
        return ConversationService.documents()
                .find(
                        ConversationService.owned(caller, conversationId),
                        new FindOptions().projection(Projections.include(MOVED, MESSAGES + ".none")))
                .toUni()
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound)
                .map(found -> {
                    int moved = MessageMover.moved(found);
                    int count = moved + MessageMover.messages(found).size();
                    int first =
                            after.map(index -> index < count ? index + 1 : 0).orElse(count);
                    return Multi.createFrom()
                            .deferred(() -> new Listener(caller, found.get(ID), first, moved).messages());
                });
    }

    /** One who listens, and how far he is. */
    private final class Listener {

        private final BsonDocument conversation;
        private final Wake wake = new Wake();
        private int next;
        private int moved;

        Listener(String caller, BsonValue id, int first, int moved) {
            this.conversation = new BsonDocument(ID, id).append(USER_ID, new BsonString(caller));
            this.next = first;
            this.moved = moved;
        }

        Multi<Optional<MessageView>> messages() {
            wake.call(); // what is stored by now is not told of
            Cancellable watch = changes.watch(conversation.get(ID), wake::call);
            return Multi.createBy()
                    .repeating()
                    .uni(() -> wake.next().chain(this::read))
                    .whilst(page -> page.isEmpty() || page.get(0).isPresent())
                    .onItem()
                    .<Optional<MessageView>>disjoint()
                    .onTermination()
                    .invoke(watch::cancel);
        }

        private Uni<List<Optional<MessageView>>> read() {
            return limit.of(primary.read(store.read(conversation, moved, next, PAGE)))
                    .map(part -> part == null ? List.of(Optional.empty()) : page(part));
        }

        private List<Optional<MessageView>> page(Part part) {
            int first = next;
            next += part.messages().size();
            moved = part.moved();
            if (part.messages().size() == PAGE) {
                wake.call(); // there may be more
            }
            return MessageView.of(part.messages(), first).stream()
                    .map(Optional::of)
                    .toList();
        }
    }
}
