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
 * Sees to it that a read shows what was acknowledged before it, by this replica or another one, also when the primary has just
 * changed. Read concern {@code majority} alone does not: a primary that was paused answers what it knew, until it hears that
 * another one has been elected; and one that has just been elected may have the last writes without knowing yet that a
 * majority has them, and does not show them.
 *
 * <p>So a primary has to prove that it is one, by a read with concern {@code linearizable}: it writes an entry into its log and
 * waits until a majority has followed. That is asked for before anything is read from it, and again as long as there are calls,
 * twice in each {@link #TERM}. What was read without a proof that counts is not shown before there is one; where the primary has
 * changed meanwhile, it is read again.
 *
 * <p>This rests on a majority electing no other primary within {@link #TERM} after it has followed one
 * ({@code electionTimeoutMillis}, 10 s by default). It can, where somebody asks for an election, a member of a higher priority
 * takes over, or the nodes are cut off from each other: then a read may be older for as long as the last proof counts, if the old
 * primary stands still at that moment. So it may where this process and the primary are frozen together, since no time passes
 * here then. Everything passes on a server by itself, on routers, which do not tell of elections, and where a primary names none.
 */
@ApplicationScoped
public class ReadBarrier {

    private static final Logger LOG = Logger.getLogger(ReadBarrier.class);

    /** How long a proof counts, from when it was asked for. */
    private static final Duration TERM = Duration.ofSeconds(1);

    private static final long HALF = TERM.toNanos() / 2;

    /** Threads of Quarkus would carry the context of the call that asks, and its trace would hold the proof. */
    private static final Executor NO_CALL = ForkJoinPool.commonPool();

    private final ReactiveMongoClient client;
    private final String database;
    private final BsonDocument question;
    private volatile Proof last = new Proof(null, 0);
    private Asked asked;
    private boolean refusalSaid;

    /** By which election a server was the primary when it was asked, at a time of {@link System#nanoTime()}. */
    private record Proof(ObjectId election, long at) {

        boolean isOf(Election other) {
            return other.id() != null && other.id().equals(election);
        }

        boolean counts(Election other, long time) {
            return isOf(other) && time - at < TERM.toNanos();
        }
    }

    /** A proof that is waited for, by all who need it. */
    private record Asked(Election election, long at, Uni<Void> answered) {}

    /**
     * What the driver knows of the primary.
     *
     * @param needed whether it has to prove itself, or has to be found first
     * @param id of the election that made it the primary; null where there is none
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
        // Whatever it finds. A command, since Quarkus's collection takes no read concern.
        this.question = new BsonDocument("find", new BsonString("conversations"))
                .append("limit", new BsonInt32(1))
                .append("projection", new BsonDocument("_id", new BsonInt32(1)))
                .append("maxTimeMS", new BsonInt64(config.timeout().toMillis()))
                .append("readConcern", ReadConcern.LINEARIZABLE.asDocument());
    }

    /** What is read, by an operation that can be done again. Fails as that does, or as the proof does; without end of its own. */
    public <T> Uni<T> read(Uni<T> reading) {
        return proven(reading, failure -> !(failure instanceof MongoException));
    }

    /**
     * What is written, by an operation that has written nothing that it would double where it refuses by a
     * {@link ServiceException}: a refusal rests on what was read, and is looked at again as that is.
     */
    public <T> Uni<T> write(Uni<T> writing) {
        return proven(writing, ServiceException.class::isInstance);
    }

    /** @param restsOnReads tells so of the operation's failure, or of null where it has none */
    private <T> Uni<T> proven(Uni<T> operation, Predicate<Throwable> restsOnReads) {
        return Uni.createFrom().deferred(() -> {
            Election election = election();
            if (election.needed() && !last.isOf(election)) {
                return awaitProof().chain(() -> proven(operation, restsOnReads));
            }
            if (election.needed() && !last.counts(election, System.nanoTime() + HALF)) {
                prove().subscribe().with(proof -> {}, failure -> LOG.debug("event=primary-not-proven", failure));
            }
            return operation.onItemOrFailure().transformToUni((item, failure) -> {
                Uni<T> outcome = failure == null
                        ? Uni.createFrom().item(item)
                        : Uni.createFrom().failure(failure);
                return restsOnReads.test(failure)
                        ? shown(outcome, election, System.nanoTime(), proven(operation, restsOnReads))
                        : outcome;
            });
        });
    }

    /** The outcome of reads that ended at a time, from the primary of an election; what is done {@code again} where it changed. */
    private <T> Uni<T> shown(Uni<T> outcome, Election election, long ended, Uni<T> again) {
        if (!election.equals(election())) {
            return again;
        }
        return !election.needed() || last.counts(election, ended)
                ? outcome
                : awaitProof().chain(() -> shown(outcome, election, ended, again));
    }

    private Election election() {
        return Election.of(client.unwrap().getClusterDescription());
    }

    /** Ends with a proof, or after a time in which there may be another one, or another primary; in the context of this call. */
    private Uni<Void> awaitProof() {
        Context call = Vertx.currentContext();
        Uni<Void> waited = prove().ifNoItem().after(TERM).recoverWithItem((Void) null);
        return call == null ? waited : waited.emitOn(next -> call.runOnContext(ignored -> next.run()));
    }

    /** Asks the primary, where nobody is waiting since just now: who has waited for longer may have asked one that is silent. */
    private synchronized Uni<Void> prove() {
        Election election = election();
        long now = System.nanoTime();
        if (asked == null || !asked.election().equals(election) || now - asked.at() > HALF) {
            asked = new Asked(
                    election,
                    now,
                    ask(election, now)
                            .onTermination()
                            .invoke(() -> answered(now))
                            .runSubscriptionOn(NO_CALL)
                            .memoize()
                            .indefinitely());
        }
        return asked.answered();
    }

    private synchronized void answered(long at) {
        if (asked != null && asked.at() == at) {
            asked = null;
        }
    }

    private Uni<Void> ask(Election election, long now) {
        return Uni.createFrom()
                .deferred(() -> client.getDatabase(database).runCommand(question, BsonDocument.class))
                .onFailure(DriverFailure::isUnavailable)
                .retry()
                .atMost(1)
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithItem(failure -> refused(election, failure))
                .invoke(() -> proved(election, now))
                .replaceWithVoid();
    }

    private synchronized void proved(Election election, long at) {
        if (election.equals(election()) && !(last.isOf(election) && last.at() - at > 0)) {
            last = new Proof(election.id(), at);
        }
    }

    /** A server that is none of MongoDB's own may have elections, and not the concern: then what it answers is taken as it is. */
    private synchronized BsonDocument refused(Election election, Throwable failure) {
        if (!refusalSaid && election.equals(election())) {
            refusalSaid = true;
            LOG.warnf(
                    failure,
                    "event=primary-not-proven: the server refuses a read with concern linearizable, so that for a moment after"
                            + " its primary has changed, a read may miss what was acknowledged before: use MongoDB's own");
        }
        return new BsonDocument();
    }
}
