package consulting.lmx.conversation.mongo;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.MongoException;
import com.mongodb.MongoWriteConcernException;
import com.mongodb.bulk.BulkWriteError;
import com.mongodb.bulk.BulkWriteResult;
import com.mongodb.bulk.WriteConcernError;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What an unordered bulk did with the writes of calls that share it: each call gets what it would have got alone.
 *
 * @param rejected the positions of the writes that were not carried out
 * @param unknown why it is not known whether the others are stored; null if they are
 */
public record Bulk(Set<Integer> rejected, MongoException unknown) {

    /** Sends a bulk of {@code writes} inserts and updates. Fails if nothing is known of any of them. */
    public static Uni<Bulk> send(int writes, Uni<BulkWriteResult> bulk) {
        return CallersContext.keep(bulk)
                .map(done -> new Bulk(Set.of(), null))
                .onFailure(MongoBulkWriteException.class)
                .recoverWithItem(failure -> of(writes, failure))
                .onFailure(failure -> !(failure instanceof MongoException)) // of a codec, before anything is sent
                .recoverWithItem(
                        () -> new Bulk(IntStream.range(0, writes).boxed().collect(Collectors.toSet()), null));
    }

    private static Bulk of(int writes, MongoBulkWriteException failure) {
        Set<Integer> rejected =
                failure.getWriteErrors().stream().map(BulkWriteError::getIndex).collect(Collectors.toSet());
        BulkWriteResult result = failure.getWriteResult();
        int stored = result.getInsertedCount()
                + result.getMatchedCount()
                + result.getUpserts().size();
        WriteConcernError concern = failure.getWriteConcernError();
        if (concern != null) {
            return new Bulk(
                    rejected,
                    new MongoWriteConcernException(
                            concern, null, failure.getServerAddress(), failure.getErrorLabels()));
        }
        return new Bulk(rejected, stored + rejected.size() < writes ? failure : null);
    }

    /**
     * The outcomes in the order of {@code calls}.
     *
     * @param alone sends a rejected write again, so that it has the outcome of a write that shares nothing
     * @param stored the outcome of the stored write at a position
     */
    public <I, R> List<Uni<R>> outcomes(List<I> calls, Function<I, Uni<R>> alone, IntFunction<Uni<R>> stored) {
        return IntStream.range(0, calls.size())
                .mapToObj(i -> {
                    if (rejected.contains(i)) {
                        return alone.apply(calls.get(i));
                    }
                    return unknown == null ? stored.apply(i) : Uni.createFrom().<R>failure(unknown);
                })
                .toList();
    }
}
