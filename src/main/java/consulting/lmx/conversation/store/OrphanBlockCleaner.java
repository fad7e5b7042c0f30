package consulting.lmx.conversation.store;

import consulting.lmx.conversation.mongo.ReadBarrier;
import consulting.lmx.conversation.security.ServiceConfig;
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
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/**
 * Deletes the blocks of conversations that no longer exist: the TTL index deleted them, or a deletion was interrupted. It scans
 * the index of blocks from one conversation to the next, and reads no messages.
 */
@ApplicationScoped
public class OrphanBlockCleaner {

    private static final Logger LOG = Logger.getLogger(OrphanBlockCleaner.class);

    private static final Duration INTERVAL = Duration.ofHours(1);

    /** The number of conversations in one query. */
    private static final int BATCH = 500;

    private final Conversations conversations;
    private final MessageBlocks blocks;
    private final ReadBarrier barrier;
    private final ServiceConfig process;
    private volatile Cancellable rounds = () -> {};

    OrphanBlockCleaner(Conversations conversations, MessageBlocks blocks, ReadBarrier barrier, ServiceConfig process) {
        this.conversations = conversations;
        this.blocks = blocks;
        this.barrier = barrier;
        this.process = process;
    }

    void onStart(@Observes StartupEvent event) {
        if (process.serve()) {
            rounds = Multi.createFrom()
                    .ticks()
                    .startingAfter(INTERVAL)
                    .every(INTERVAL)
                    .onOverflow()
                    .drop()
                    .onItem()
                    .transformToUniAndConcatenate(tick -> clean().onFailure().recoverWithItem(failure -> {
                        LOG.warnf(
                                "event=cleanup-failed reason=\"%s\": the next round tries again", failure.getMessage());
                        return 0L;
                    }))
                    .subscribe()
                    .with(deleted -> {}, failure -> LOG.error("event=cleanup-ended: restart the process", failure));
        }
    }

    void onStop(@Observes ShutdownEvent event) {
        rounds.cancel();
    }

    /** Scans all blocks once; returns the number of deleted blocks. */
    public Uni<Long> clean() {
        return Multi.createBy()
                .repeating()
                .<BsonValue[], Optional<BsonValue>>uni(
                        () -> new BsonValue[1],
                        last -> blocks.nextConversation(Optional.ofNullable(last[0]))
                                .invoke(next -> last[0] = next.orElse(null)))
                .whilst(Optional::isPresent)
                .filter(Optional::isPresent)
                .map(Optional::get)
                .group()
                .intoLists()
                .of(BATCH)
                .onItem()
                .transformToUniAndConcatenate(this::deleteOrphans)
                .collect()
                .with(Collectors.summingLong(Long::longValue))
                .invoke(deleted -> LOG.debugf("event=cleanup blocks=%d", deleted));
    }

    private Uni<Long> deleteOrphans(List<BsonValue> candidates) {
        return barrier.read(conversations.existing(candidates)).chain(existing -> {
            Set<BsonValue> deleted = new HashSet<>(candidates);
            existing.forEach(deleted::remove);
            return Multi.createFrom()
                    .iterable(deleted)
                    .onItem()
                    .transformToUniAndConcatenate(blocks::deleteOf)
                    .collect()
                    .with(Collectors.summingLong(Long::longValue));
        });
    }
}
