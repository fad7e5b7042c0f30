package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.BLOCK_CONVERSATION;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import com.mongodb.client.model.Sorts;
import consulting.lmx.conversation.security.ServiceConfig;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.bson.BsonDocument;
import org.bson.BsonMaxKey;
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/**
 * Deletes the blocks of conversations that are no more: those that the server's TTL index has deleted, and those whose
 * deletion ended half way. It walks the blocks' own index from one conversation to the next, and reads no message.
 */
@ApplicationScoped
public class BlockSweep {

    private static final Logger LOG = Logger.getLogger(BlockSweep.class);

    private static final Duration INTERVAL = Duration.ofHours(1);

    /** How many conversations are looked for at once. */
    private static final int BATCH = 500;

    private final MessageStore store;
    private final ProvenPrimary primary;
    private final ServiceConfig process;
    private volatile Cancellable sweeps = () -> {};

    BlockSweep(MessageStore store, ProvenPrimary primary, ServiceConfig process) {
        this.store = store;
        this.primary = primary;
        this.process = process;
    }

    void onStart(@Observes StartupEvent event) {
        if (process.serve()) {
            sweeps = Multi.createFrom()
                    .ticks()
                    .startingAfter(INTERVAL)
                    .every(INTERVAL)
                    .onOverflow()
                    .drop()
                    .onItem()
                    .transformToUniAndConcatenate(tick -> sweep().onFailure().recoverWithItem(failure -> {
                        LOG.warnf("event=sweep-failed reason=\"%s\": the next one tries again", failure.getMessage());
                        return 0;
                    }))
                    .subscribe()
                    .with(deleted -> {});
        }
    }

    void onStop(@Observes ShutdownEvent event) {
        sweeps.cancel();
    }

    /** Looks through all blocks once, and tells of how many conversations it has deleted blocks. */
    Uni<Integer> sweep() {
        return Multi.createBy()
                .repeating()
                .uni(() -> new BsonValue[] {null}, this::next)
                .whilst(Optional::isPresent)
                .filter(Optional::isPresent)
                .map(Optional::get)
                .group()
                .intoLists()
                .of(BATCH)
                .onItem()
                .transformToUniAndConcatenate(this::deleteOrphans)
                .collect()
                .with(Collectors.summingInt(Integer::intValue))
                .invoke(deleted -> LOG.debugf("event=swept conversations=%d", deleted));
    }

    /** The next conversation that has blocks, after the one that {@code last} holds. */
    private Uni<Optional<BsonValue>> next(BsonValue[] last) {
        return MessageBlock.documents()
                .find(
                        last[0] == null
                                ? new BsonDocument()
                                : Filters.gt(ID, MessageBlock.id(last[0], new BsonMaxKey())),
                        new FindOptions()
                                .sort(Sorts.ascending(ID))
                                .projection(Projections.include(ID))
                                .limit(1))
                .toUni()
                .map(block -> {
                    last[0] = block == null ? null : block.getDocument(ID).get(BLOCK_CONVERSATION);
                    return Optional.ofNullable(last[0]);
                });
    }

    private Uni<Integer> deleteOrphans(List<BsonValue> conversations) {
        return primary.read(ConversationService.documents()
                        .find(Filters.in(ID, conversations), new FindOptions().projection(Projections.include(ID)))
                        .map(found -> found.get(ID))
                        .collect()
                        .asList())
                .chain(there -> {
                    Set<BsonValue> gone = new HashSet<>(conversations);
                    there.forEach(gone::remove);
                    return Multi.createFrom()
                            .iterable(gone)
                            .onItem()
                            .transformToUniAndConcatenate(store::deleteMoved)
                            .collect()
                            .last()
                            .replaceWith(gone.size());
                });
    }
}
