package consulting.lmx.conversation.integrity;

import org.bson.BsonDocument;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/** MongoDB's Extended JSON in its canonical form, which keeps the types. */
final class ExtendedJson {

    static final JsonWriterSettings CANONICAL =
            JsonWriterSettings.builder().outputMode(JsonMode.EXTENDED).build();

    private ExtendedJson() {}

    static String of(BsonDocument document) {
        return document.toJson(CANONICAL);
    }
}
