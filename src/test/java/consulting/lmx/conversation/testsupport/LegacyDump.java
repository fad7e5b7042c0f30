package consulting.lmx.conversation.testsupport;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.bson.BsonDocument;

/** The old application's collection, as it was dumped: 4,000 conversations, a quarter of them broken. */
public final class LegacyDump {

    private LegacyDump() {}

    public static List<BsonDocument> documents() {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                LegacyDump.class.getResourceAsStream("/legacy/conversations.jsonl"), StandardCharsets.UTF_8))) {
            return lines.lines().map(BsonDocument::parse).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
