package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_KEYS;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import org.jboss.logging.Logger;

/**
 * The index by which the key of a moved message is found without a look at the conversation's other blocks. Blocks without
 * keys are not in it. Nothing but speed depends on it: where it cannot be made, that is said, and keys are looked for in each
 * block of their conversation.
 */
@ApplicationScoped
class BlockIndex {

    private static final Logger LOG = Logger.getLogger(BlockIndex.class);

    static final String NAME = "conversation_blocks_retry_keys";

    private final Uni<Void> made = Uni.createFrom()
            .deferred(() -> MessageBlock.documents()
                    .createIndex(
                            Indexes.ascending(BLOCK_KEYS, ID),
                            new IndexOptions().name(NAME).partialFilterExpression(Filters.exists(BLOCK_KEYS))))
            .replaceWithVoid()
            .onFailure()
            .recoverWithItem(BlockIndex::goOnWithout)
            .memoize()
            .indefinitely();

    /** Makes it where it is missing, once in the life of the process; completes when that was tried. Never fails. */
    Uni<Void> ensure() {
        return made;
    }

    private static Void goOnWithout(Throwable failure) {
        LOG.warnf(
                "event=index-missing name=%s reason=\"%s\": a message with an Idempotency-Key costs a look at each block of"
                        + " a long conversation; grant createIndex on %s and restart",
                NAME, failure.getMessage(), ConversationFields.BLOCKS);
        return null;
    }
}
