package consulting.lmx.conversation.integrity.engine.model;

import org.bson.BsonDocument;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** MongoDB's canonical Extended JSON, which preserves types. */
public final class ExtendedJson {

    public static final JsonWriterSettings CANONICAL =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    private ExtendedJson() {}

    public static String of(BsonDocument document) {
        return document.toJson(CANONICAL);
    }
}
