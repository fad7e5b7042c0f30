package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.COLLECTION;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;

import com.mongodb.ReadConcern;
import com.mongodb.connection.ClusterDescription;
import com.mongodb.connection.ClusterType;
import com.mongodb.connection.ServerDescription;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.error.ServiceException;
import consulting.lmx.conversation.http.AnswerLimit;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.function.Predicate;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
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
 * <p>So a primary has to prove that it is one, by a read with concern {@code linearizable}, which waits until a majority has
 * followed it: before anything is read from it, and again as long as there are calls, at least each {@link #TERM}. What was
 * read without a proof is not shown; where the primary has changed, it is read again.
 *
 * <p>This rests on the secondaries electing no other primary within {@link #TERM} after they have followed one
 * ({@code electionTimeoutMillis}, 10 s by default). Where the nodes are cut off from each other and not from here, or somebody
 * asks for an election while the old primary is paused, a read may be older, for as long as the last proof counts.
 * Of a sharded cluster, and of a server that is no replica set, everything passes: the one does not tell of elections, the other
 * has none.
 */
@ApplicationScoped
public class PrimaryLease {

    private static final Logger LOG = Logger.getLogger(PrimaryLease.class);

    /** How long a proof counts, from when it was asked for. */
    private static final Duration TERM = Duration.ofSeconds(1);

    /** Whatever it finds; a command, since Quarkus's collection takes no read concern. */
    private static final BsonDocument LINEARIZABLE_READ = new BsonDocument("find", new BsonString(COLLECTION))
            .append("limit", new BsonInt32(1))
            .append("projection", new BsonDocument(ID, new BsonInt32(1)))
            .append("readConcern", ReadConcern.LINEARIZABLE.asDocument());

    private final ReactiveMongoClient client;
    private final String database;
    private final AnswerLimit limit;
    private volatile Proof last = new Proof(null, 0);
    private Asked asked;

    /** By which election a server was the primary when it was asked, at a time of {@link System#nanoTime()}. */
    private record Proof(ObjectId election, long at) {

        boolean isOf(Election other) {
            return other.id() != null && other.id().equals(election);
        }

        boolean isOf(Election other, long time) {
            return isOf(other) && time - at < TERM.toNanos();
        }
    }

    /** A proof that is waited for, by all who need it. */
    private record Asked(Election election, Uni<Void> answered) {}

    /** What the driver knows of the primary; without an id where there is none, or none that is elected. */
    private record Election(boolean held, ObjectId id) {

        static Election of(ClusterDescription servers) {
            ObjectId id = null;
            boolean held = servers.getType() == ClusterType.REPLICA_SET;
            for (ServerDescription server : servers.getServerDescriptions()) {
                if (server.isPrimary()) {
                    id = server.getElectionId();
                    held &= id != null;
                }
            }
            return new Election(held, held ? id : null);
        }
    }

    PrimaryLease(
            ReactiveMongoClient client,
            @ConfigProperty(name = "quarkus.mongodb.database") String database,
            AnswerLimit limit) {
        this.client = client;
        this.database = database;
        this.limit = limit;
    }

    /** What is read, by an operation that can be done again. Fails as that does, or as the proof does. */
    <T> Uni<T> read(Uni<T> reading) {
        return fresh(reading, failure -> failure == null || failure instanceof ServiceException);
    }

    /** What is written, by an operation that has changed nothing where it refuses by a {@link ServiceException}. */
    <T> Uni<T> write(Uni<T> writing) {
        return fresh(writing, ServiceException.class::isInstance);
    }

    /** @param restsOnReads tells so of the operation's failure, or of null where it has none */
    private <T> Uni<T> fresh(Uni<T> operation, Predicate<Throwable> restsOnReads) {
        return Uni.createFrom().deferred(() -> {
            Election election = election();
            if (election.held() && !last.isOf(election)) {
                return proven().chain(() -> fresh(operation, restsOnReads));
            }
            if (election.held() && !last.isOf(election, System.nanoTime() + TERM.toNanos() / 2)) {
                prove().subscribe().with(proof -> {}, failure -> LOG.debug("event=primary-not-proven", failure));
            }
            return operation.onItemOrFailure().transformToUni((item, failure) -> {
                Uni<T> outcome = failure == null
                        ? Uni.createFrom().item(item)
                        : Uni.createFrom().failure(failure);
                return restsOnReads.test(failure)
                        ? shown(outcome, election, System.nanoTime(), fresh(operation, restsOnReads))
                        : outcome;
            });
        });
    }

    /** The outcome of reads that ended at a time, from the primary of an election; what is done {@code again} where it changed. */
    private <T> Uni<T> shown(Uni<T> outcome, Election election, long ended, Uni<T> again) {
        if (!election.equals(election())) {
            return again;
        }
        return !election.held() || last.isOf(election, ended)
                ? outcome
                : proven().chain(() -> shown(outcome, election, ended, again));
    }

    private Election election() {
        return Election.of(client.unwrap().getClusterDescription());
    }

    /** {@link #prove()} in the context of this call, although another one may have asked. */
    private Uni<Void> proven() {
        Context call = Vertx.currentContext();
        Uni<Void> proven = prove();
        return call == null ? proven : proven.emitOn(next -> call.runOnContext(ignored -> next.run()));
    }

    /** Ends when the primary has proven itself, or another one has come. */
    private synchronized Uni<Void> prove() {
        Election election = election();
        if (asked == null || !asked.election().equals(election)) {
            asked = new Asked(
                    election,
                    limit.of(ask(election)
                                    .onFailure(DriverFailure::isUnavailable)
                                    .retry()
                                    .atMost(1))
                            .onTermination()
                            .invoke(() -> answered(election))
                            .memoize()
                            .indefinitely());
        }
        return asked.answered();
    }

    private synchronized void answered(Election election) {
        if (asked != null && asked.election().equals(election)) {
            asked = null;
        }
    }

    private Uni<Void> ask(Election election) {
        return Uni.createFrom().deferred(() -> {
            long at = System.nanoTime();
            return client.getDatabase(database)
                    .runCommand(LINEARIZABLE_READ, BsonDocument.class)
                    .invoke(() -> {
                        if (election.equals(election())) {
                            last = new Proof(election.id(), at);
                        }
                    })
                    .replaceWithVoid();
        });
    }
}
