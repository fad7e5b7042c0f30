package consulting.lmx.conversation.integrity.engine.model;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.text.Text;
import java.util.Locale;
import java.util.Optional;
import org.bson.BsonBinary;
import org.bson.BsonBinarySubType;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/** What is wrong with a stored key. The words appear in the repair record, the report and the metrics. */
public enum Defect {
    MISSING,
    NULL,
    BLANK,
    /** A BSON binary of subtype 4 with 16 bytes. Subtype 3 does not count: its byte order is unknown. */
    BINARY_UUID,
    NOT_A_STRING,
    /** A string that an older document has too. One value alone does not show this. */
    DUPLICATE;

    public static final int UUID_BYTES = 16;

    /** The name in lower case with dashes, for example {@code binary-uuid}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** @throws IllegalArgumentException if no defect has this word */
    public static Defect ofWord(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    /** The defect of {@code value}, or empty if it is valid. A missing field is Java's null. */
    public static Optional<Defect> of(BsonValue value) {
        if (value == null) {
            return Optional.of(MISSING);
        }
        return switch (value.getBsonType()) {
            case STRING -> Text.isBlank(value.asString().getValue()) ? Optional.of(BLANK) : Optional.empty();
            case NULL -> Optional.of(NULL);
            case BINARY -> Optional.of(isUuid(value.asBinary()) ? BINARY_UUID : NOT_A_STRING);
            default -> Optional.of(NOT_A_STRING);
        };
    }

    private static boolean isUuid(BsonBinary binary) {
        return binary.getType() == BsonBinarySubType.UUID_STANDARD.getValue() && binary.getData().length == UUID_BYTES;
    }

    /**
     * Matches the documents with any defect in {@code field} except a duplicate. An array matches by its elements, so the
     * filter names arrays explicitly. A string that is not valid UTF-8 matches no pattern, so the last condition finds it.
     */
    public static Bson filter(String field) {
        return Filters.or(
                Filters.not(Filters.type(field, BsonType.STRING)),
                Filters.type(field, BsonType.ARRAY),
                Filters.not(Filters.regex(field, Text.NOT_BLANK)));
    }
}
