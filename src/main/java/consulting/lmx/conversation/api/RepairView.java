package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.LenientBson;
import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import org.bson.BsonDocument;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * The heal's record of a repaired id.
 *
 * @param reason what was wrong, as a word of the report
 * @param was the old value as relaxed Extended JSON; missing if there was none
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RepairView(
        String reason,

        @JsonRawValue @Schema(implementation = Object.class) String was,
        Instant at) {

    private static final String WAS = "was";
    private static final JsonWriterSettings RELAXED =
            JsonWriterSettings.builder().outputMode(JsonMode.RELAXED).build();

    /** Returns the record in {@code field}, or null. */
    static RepairView of(StoredConversation conversation, String field) {
        return conversation
                .repair(field)
                .map(repair -> new RepairView(
                        LenientBson.string(repair, "reason"), was(repair), LenientBson.instant(repair, "at")))
                .orElse(null);
    }

    /** Extended JSON needs a document, so the value is written in one and cut out of it. */
    private static String was(BsonDocument repair) {
        if (!repair.containsKey(WAS)) {
            return null;
        }
        String document = new BsonDocument(WAS, repair.get(WAS)).toJson(RELAXED);
        return document.substring(document.indexOf(':') + 1, document.length() - 1)
                .strip();
    }
}
