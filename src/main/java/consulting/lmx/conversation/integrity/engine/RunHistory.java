package consulting.lmx.conversation.integrity.engine;

import com.mongodb.client.model.Filters;
import com.mongodb.client.model.ReplaceOptions;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.client.model.Updates;
import com.mongodb.reactivestreams.client.MongoCollection;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.RunProgress;
import consulting.lmx.conversation.mongo.Collations;
import consulting.lmx.conversation.mongo.Publishers;
import io.smallrye.mutiny.Uni;
import java.time.InstantSource;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt64;
import org.bson.BsonNull;
import org.bson.BsonString;

/**
 * Records each run in the collection {@code integrity_runs}, one document a run. A run that found everything valid is not
 * recorded.
 */
final class RunHistory {

    static final String COLLECTION = "integrity_runs";

    /** The state of a run. */
    enum Outcome {
        RUNNING,
        VERIFIED,
        FAILED,
        /** Its process ended before the run did. */
        ABANDONED
    }

    private final MongoCollection<BsonDocument> runs;
    private final String host;
    private final InstantSource clock;

    RunHistory(MongoDatabase database, String host, InstantSource clock) {
        this.runs = database.getCollection(COLLECTION, BsonDocument.class);
        this.host = host;
        this.clock = clock;
    }

    /** Records the start of a run, and marks earlier runs that did not end as abandoned. The caller holds the lease. */
    Uni<Void> begin(RunProgress progress) {
        return Publishers.one(runs.updateMany(
                        Filters.eq("state", Outcome.RUNNING.name()),
                        Updates.set("state", Outcome.ABANDONED.name()),
                        new UpdateOptions().collation(Collations.SIMPLE)))
                .chain(() -> save(progress, progress.totalHealed(), Outcome.RUNNING));
    }

    /**
     * Records the end of a run.
     *
     * @param healed the number of documents that the run itself has changed
     */
    Uni<Void> end(RunProgress progress, long healed, Outcome outcome) {
        return save(progress, healed, outcome);
    }

    private Uni<Void> save(RunProgress progress, long healed, Outcome outcome) {
        BsonDocument reasons = new BsonDocument();
        progress.healedByWord().forEach((word, n) -> reasons.append(word, new BsonInt64(n)));
        long found = progress.brokenByWord().values().stream()
                .mapToLong(Long::longValue)
                .sum();
        BsonDocument document = new BsonDocument("_id", new BsonString(progress.run()))
                .append("host", new BsonString(host))
                .append("startedAt", new BsonDateTime(progress.startedAt().toEpochMilli()))
                .append("endedAt", outcome == Outcome.RUNNING ? BsonNull.VALUE : new BsonDateTime(clock.millis()))
                .append("state", new BsonString(outcome.name()))
                .append("found", new BsonInt64(found))
                .append("healed", new BsonInt64(healed))
                .append("reasons", reasons)
                .append("seconds", new BsonDouble(progress.seconds()));
        return Publishers.one(runs.replaceOne(
                        Filters.eq("_id", progress.run()),
                        document,
                        new ReplaceOptions().upsert(true).collation(Collations.SIMPLE)))
                .replaceWithVoid();
    }
}
