package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.ID;

import com.mongodb.MongoClientException;
import com.mongodb.client.model.Aggregates;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.http.CallTimeout;
import consulting.lmx.conversation.http.stream.EventsConfig;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.quarkus.mongodb.ChangeStreamOptions;
import io.quarkus.mongodb.FindOptions;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.Cancellable;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bson.BsonDocument;
import org.bson.BsonTimestamp;
import org.bson.BsonValue;
import org.bson.conversions.Bson;
import org.jboss.logging.Logger;

/**
 * Signals watchers of a conversation that it may have changed, whichever replica changed it. The process opens one change
 * stream, or polls if the server has none, and only while there are watchers. A signal may be spurious: the watcher reads the
 * conversation behind the read barrier to learn what changed.
 *
 * <p>After a failover a change stream may stay silent without an error. So the feed also polls at each heartbeat: a missed
 * change arrives late, and a failed poll reopens the stream.
 */
@ApplicationScoped
public class ChangeFeed {

    private static final Logger LOG = Logger.getLogger(ChangeFeed.class);

    /** The server's codes for an unknown stage, an unknown command, and a server that is not in a replica set. */
    private static final int[] NO_CHANGE_STREAMS = {40324, 59, 40573};

    private static final Duration RETRY_MIN = Duration.ofMillis(100);
    private static final Duration RETRY_MAX = Duration.ofSeconds(5);

    /** If the server has no change streams. */
    private static final Duration POLL_INTERVAL = Duration.ofSeconds(1);

    /** The number of conversations in one query of a poll. */
    private static final int POLLED = 1000;

    private static final BsonDocument GONE = new BsonDocument();

    private static final List<Bson> CHANGES_BY_ID = List.of(
            Aggregates.match(Filters.in("operationType", "insert", "update", "replace", "delete")),
            Aggregates.project(Projections.include("documentKey")));

    private final ReactiveMongoClient client;
    private final Conversations conversations;
    private final EventsConfig config;
    private final CallTimeout limit;
    private final Map<BsonValue, Set<Runnable>> watchers = new HashMap<>();
    private Cancellable source;
    private Duration retry = RETRY_MIN;
    private boolean pollingSaid;

    ChangeFeed(ReactiveMongoClient client, Conversations conversations, EventsConfig config, CallTimeout limit) {
        this.client = client;
        this.conversations = conversations;
        this.config = config;
        this.limit = limit;
    }

    /**
     * Calls {@code changed} whenever the document with this {@code _id} may have changed. Every write after this call is signalled,
     * or visible to a read that starts after it.
     */
    public synchronized Cancellable watch(BsonValue id, Runnable changed) {
        watchers.computeIfAbsent(id, unwatched -> ConcurrentHashMap.newKeySet()).add(changed);
        if (source == null) {
            open();
        }
        return () -> forget(id, changed);
    }

    private synchronized void forget(BsonValue id, Runnable changed) {
        watchers.computeIfPresent(id, (key, all) -> all.remove(changed) && all.isEmpty() ? null : all);
        if (watchers.isEmpty() && source != null) {
            source.cancel();
            source = null;
        }
    }

    /** Opens the source, and reopens it after a failure. Each opening signals all watchers. */
    private void open() {
        source = Multi.createFrom()
                .deferred(this::look)
                .onFailure()
                .retry()
                .when(failures -> failures.onItem().transformToUniAndConcatenate(this::pause))
                .subscribe()
                .with(
                        this::tell,
                        failure -> LOG.error(
                                "event=change-feed-ended: listeners receive no new messages; restart the process",
                                failure));
    }

    /** Emits an item after the pause: each item triggers a retry. */
    private synchronized Uni<Duration> pause(Throwable failure) {
        Duration pause = retry;
        retry = retry.compareTo(RETRY_MAX) < 0 ? retry.multipliedBy(2) : RETRY_MAX;
        LOG.warnf("event=change-feed-lost reason=\"%s\" retry-in=%s", failure.getMessage(), pause);
        return Uni.createFrom().item(pause).onItem().delayIt().by(pause);
    }

    private void tell(BsonValue id) {
        List<Runnable> told;
        synchronized (this) {
            told = List.copyOf(watchers.getOrDefault(id, Set.of()));
        }
        told.forEach(Runnable::run);
    }

    private void tellAll() {
        List<Runnable> told = new ArrayList<>();
        synchronized (this) {
            retry = RETRY_MIN;
            watchers.values().forEach(told::addAll);
        }
        told.forEach(Runnable::run);
    }

    private Multi<BsonValue> look() {
        return limit.of(majorityTime())
                .onItem()
                .transformToMulti(time -> time.map(this::stream).orElseGet(() -> poll("it is not in a replica set")))
                .onFailure(ChangeFeed::hasNoChangeStreams)
                .recoverWithMulti(failure -> poll(failure.getMessage()));
    }

    /** Also if the server has no sessions, or the user lacks the privilege. */
    private static boolean hasNoChangeStreams(Throwable failure) {
        return failure.getClass() == MongoClientException.class
                || DriverFailure.hasCode(failure, NO_CHANGE_STREAMS)
                || DriverFailure.isDenied(failure);
    }

    /**
     * Returns the operation time of a majority read; empty if the server has none. A change stream from that time and reads that
     * start now leave no gap between them.
     */
    private Uni<Optional<BsonTimestamp>> majorityTime() {
        return client.startSession()
                .chain(session -> conversations
                        .documents()
                        .find(session, new FindOptions().limit(1).projection(Projections.include(ID)))
                        .collect()
                        .asList()
                        .map(read -> Optional.ofNullable(session.getOperationTime()))
                        .onTermination()
                        .invoke(session::close));
    }

    private Multi<BsonValue> stream(BsonTimestamp from) {
        return Multi.createFrom().deferred(() -> {
            tellAll();
            Multi<BsonValue> changes = conversations
                    .documents()
                    .watch(CHANGES_BY_ID, BsonDocument.class, new ChangeStreamOptions().startAtOperationTime(from))
                    .map(change -> change.getDocumentKey().get(ID))
                    .onCompletion()
                    .failWith(() -> new IllegalStateException("the server closed the change stream"));
            return Multi.createBy().merging().streams(changes, looks(config.heartbeat()));
        });
    }

    private Multi<BsonValue> poll(String reason) {
        synchronized (this) {
            if (!pollingSaid) {
                pollingSaid = true;
                LOG.warnf(
                        "event=polling: the server has no change stream (%s), so new messages reach listeners up to %s late;"
                                + " use a replica set, and grant changeStream on the collection",
                        reason, POLL_INTERVAL);
            }
        }
        return Multi.createFrom().deferred(() -> {
            tellAll();
            return looks(POLL_INTERVAL);
        });
    }

    /** Emits the conversations that changed since the previous poll, or that it sees for the first time. */
    private Multi<BsonValue> looks(Duration each) {
        Map<BsonValue, BsonDocument> seen = new HashMap<>();
        return Multi.createFrom()
                .ticks()
                .startingAfter(each)
                .every(each)
                .onOverflow()
                .drop()
                .onItem()
                .transformToMultiAndConcatenate(tick -> changedSince(seen));
    }

    private Multi<BsonValue> changedSince(Map<BsonValue, BsonDocument> seen) {
        List<BsonValue> watched;
        synchronized (this) {
            watched = List.copyOf(watchers.keySet());
        }
        seen.keySet().retainAll(watched);
        return Multi.createFrom()
                .iterable(watched)
                .group()
                .intoLists()
                .of(POLLED)
                .onItem()
                .transformToUniAndConcatenate(ids -> limit.of(conversations.states(ids))
                        .map(now -> ids.stream()
                                .filter(id ->
                                        !now.getOrDefault(id, GONE).equals(seen.put(id, now.getOrDefault(id, GONE))))
                                .toList()))
                .onItem()
                .disjoint();
    }
}
