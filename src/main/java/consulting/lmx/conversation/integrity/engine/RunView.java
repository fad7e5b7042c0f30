package consulting.lmx.conversation.integrity.engine;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bson.BsonDocument;
import org.bson.BsonInt64;
import org.bson.BsonString;

/**
 * What a run did, as it is kept in the database.
 *
 * @param host the process that it ran in
 * @param endedAt missing while it is under way, and where its process ended before it did
 * @param state RUNNING, VERIFIED, FAILED or ABANDONED
 * @param found broken keys that it met
 * @param healed documents that it changed
 * @param reasons healed keys, by reason
 * @param seconds the backfill alone
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RunView(
        String run,
        String host,
        Instant startedAt,
        Instant endedAt,
        String state,
        long found,
        long healed,
        Map<String, Long> reasons,
        double seconds) {

    static RunView of(BsonDocument stored) {
        Map<String, Long> reasons = new LinkedHashMap<>();
        stored.getDocument("reasons", new BsonDocument())
                .forEach((word, n) -> reasons.put(word, n.asNumber().longValue()));
        return new RunView(
                stored.getString("_id").getValue(),
                stored.getString("host", new BsonString("")).getValue(),
                instant(stored, "startedAt"),
                instant(stored, "endedAt"),
                stored.getString("state", new BsonString("")).getValue(),
                number(stored, "found"),
                number(stored, "healed"),
                reasons,
                stored.getNumber("seconds", new BsonInt64(0)).doubleValue());
    }

    private static Instant instant(BsonDocument stored, String field) {
        return stored.isDateTime(field)
                ? Instant.ofEpochMilli(stored.getDateTime(field).getValue())
                : null;
    }

    private static long number(BsonDocument stored, String field) {
        return stored.getNumber(field, new BsonInt64(0)).longValue();
    }
}
