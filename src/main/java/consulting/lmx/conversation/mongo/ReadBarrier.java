package consulting.lmx.conversation.mongo;

import com.mongodb.MongoException;
import com.mongodb.ReadConcern;
import com.mongodb.connection.ClusterDescription;
import com.mongodb.connection.ClusterType;
import com.mongodb.connection.ServerDescription;
import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ServiceException;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Predicate;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonInt64;
import org.bson.BsonString;
import org.bson.types.ObjectId;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Linearizable reads: a read shows every write that any replica acknowledged before it, also when the primary has just changed.
 * Read concern {@code majority} alone does not guarantee that. A paused primary answers from old data until it learns of the
 * election of another one. A new primary may have the last writes without knowing yet that a majority has them.
 *
 * <p>So a primary has to confirm its role by a read with concern {@code linearizable}, which waits until a majority has
 * replicated an entry of its log. The barrier sends one before the first read from a primary, and then, while there are calls,
 * twice in each {@link #VALIDITY}. A result without a valid confirmation is held back until there is one. If the primary has
 * changed meanwhile, the operation is repeated.
 *
 * <p>This assumes that a majority elects no other primary within {@link #VALIDITY} after it has followed one
 * ({@code electionTimeoutMillis}, 10 s by default). A requested election, a takeover by a member of higher priority or a network
 * partition can break that: then reads may be outdated for one {@link #VALIDITY} if the old primary is paused at that moment.
 * The same holds if this process and the primary are paused together. Standalone servers, routers and primaries without an
 * election ID need no confirmation.
 */
@ApplicationScoped
public class ReadBarrier {

    private static final Logger LOG = Logger.getLogger(ReadBarrier.class);

    /** How long a confirmation is valid, from when it was requested. */
    private static final Duration VALIDITY = Duration.ofSeconds(1);

    private static final long RENEWAL = VALIDITY.toNanos() / 2;

    /** Threads of Quarkus would carry the context of the current call, and the confirmation would appear in its trace. */
    private static final Executor OUTSIDE_OF_CALLS = ForkJoinPool.commonPool();

    private final ReactiveMongoClient client;
    private final String database;
    private final BsonDocument linearizableRead;
    private volatile Confirmation last = new Confirmation(null, 0);
    private Pending pending;
    private boolean warned;

    /** A primary of an election confirmed its role, requested at a time of {@link System#nanoTime()}. */
    private record Confirmation(ObjectId election, long at) {

        boolean isOf(Election other) {
            return other.id() != null && other.id().equals(election);
        }

        boolean isValid(Election other, long time) {
            return isOf(other) && time - at < VALIDITY.toNanos();
        }
    }

    /** A confirmation in progress, shared by all calls that wait for one. */
    private record Pending(Election election, long at, Uni<Void> outcome) {}

    /**
     * What the driver knows about the primary.
     *
     * @param needed whether the primary has to confirm its role, or is still unknown
     * @param id of the election that made it the primary; null if there is none
     */
    private record Election(boolean needed, ObjectId id) {

        static Election of(ClusterDescription servers) {
            boolean elects = servers.getType() == ClusterType.REPLICA_SET || servers.getType() == ClusterType.UNKNOWN;
            for (ServerDescription server : servers.getServerDescriptions()) {
                if (elects && server.isPrimary()) {
                    return new Election(server.getElectionId() != null, server.getElectionId());
                }
            }
            return new Election(elects, null);
        }
    }

    ReadBarrier(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String database,
            RequestConfig config) {
        this.client = client;
        this.database = database;
        // The result does not matter. A command, because Quarkus's collection accepts no read concern.
        this.linearizableRead = new BsonDocument("find", new BsonString("conversations"))
                .append("limit", new BsonInt32(1))
                .append("projection", new BsonDocument("_id", new BsonInt32(1)))
                .append("maxTimeMS", new BsonInt64(config.timeout().toMillis()))
                .append("readConcern", ReadConcern.LINEARIZABLE.asDocument());
    }

    /** The result of {@code reading}, which may be repeated. Fails as it does or as the confirmation does. Has no time limit. */
    public <T> Uni<T> read(Uni<T> reading) {
        return behindBarrier(reading, failure -> !(failure instanceof MongoException));
    }

    /**
     * The result of {@code writing}. If it fails with a {@link ServiceException}, it must have written nothing that a repetition
     * would duplicate: such a rejection rests on reads, and is confirmed like a read.
     */
    public <T> Uni<T> write(Uni<T> writing) {
        return behindBarrier(writing, ServiceException.class::isInstance);
    }

    /** @param restsOnReads whether a failure of the operation, or null for its success, rests on reads */
    private <T> Uni<T> behindBarrier(Uni<T> operation, Predicate<Throwable> restsOnReads) {
        return Uni.createFrom().deferred(() -> {
            Election election = election();
            if (election.needed() && !last.isOf(election)) {
                return awaitConfirmation().chain(() -> behindBarrier(operation, restsOnReads));
            }
            if (election.needed() && !last.isValid(election, System.nanoTime() + RENEWAL)) {
                confirm()
                        .subscribe()
                        .with(confirmation -> {}, failure -> LOG.debug("event=confirmation-not-renewed", failure));
            }
            return operation.onItemOrFailure().transformToUni((item, failure) -> {
                Uni<T> outcome = failure == null
                        ? Uni.createFrom().item(item)
                        : Uni.createFrom().failure(failure);
                return restsOnReads.test(failure)
                        ? confirmedOutcome(outcome, election, System.nanoTime(), behindBarrier(operation, restsOnReads))
                        : outcome;
            });
        });
    }

    /** The outcome of reads that ended at {@code ended}, after a confirmation; or {@code again}, if the primary has changed. */
    private <T> Uni<T> confirmedOutcome(Uni<T> outcome, Election election, long ended, Uni<T> again) {
        if (!election.equals(election())) {
            return again;
        }
        return !election.needed() || last.isValid(election, ended)
                ? outcome
                : awaitConfirmation().chain(() -> confirmedOutcome(outcome, election, ended, again));
    }

    private Election election() {
        return Election.of(client.unwrap().getClusterDescription());
    }

    /** Completes with a confirmation or after {@link #VALIDITY}, on the context of this call. */
    private Uni<Void> awaitConfirmation() {
        Context call = Vertx.currentContext();
        Uni<Void> waited = confirm().ifNoItem().after(VALIDITY).recoverWithItem((Void) null);
        return call == null ? waited : waited.emitOn(next -> call.runOnContext(ignored -> next.run()));
    }

    /** Requests a confirmation, or joins a recent request. An older request may have gone to a primary that does not reply. */
    private synchronized Uni<Void> confirm() {
        Election election = election();
        long now = System.nanoTime();
        if (pending == null || !pending.election().equals(election) || now - pending.at() > RENEWAL) {
            pending = new Pending(
                    election,
                    now,
                    request(election, now)
                            .onTermination()
                            .invoke(() -> completed(now))
                            .runSubscriptionOn(OUTSIDE_OF_CALLS)
                            .memoize()
                            .indefinitely());
        }
        return pending.outcome();
    }

    private synchronized void completed(long at) {
        if (pending != null && pending.at() == at) {
            pending = null;
        }
    }

    private Uni<Void> request(Election election, long now) {
        return Uni.createFrom()
                .deferred(() -> client.getDatabase(database).runCommand(linearizableRead, BsonDocument.class))
                .onFailure(DriverFailure::isUnavailable)
                .retry()
                .atMost(1)
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithItem(failure -> rejected(election, failure))
                .invoke(() -> confirmed(election, now))
                .replaceWithVoid();
    }

    private synchronized void confirmed(Election election, long at) {
        if (election.equals(election()) && !(last.isOf(election) && last.at() - at > 0)) {
            last = new Confirmation(election.id(), at);
        }
    }

    /** Servers other than MongoDB's may have elections without this read concern. Their results are used without confirmation. */
    private synchronized BsonDocument rejected(Election election, Throwable failure) {
        if (!warned && election.equals(election())) {
            warned = true;
            LOG.warnf(
                    failure,
                    "event=primary-not-confirmed: the server rejects reads with concern linearizable. For a moment after a"
                            + " change of the primary, reads may miss acknowledged writes. Use a server of MongoDB.");
        }
        return new BsonDocument();
    }
}
