package consulting.lmx.conversation.integrity.engine.model;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.text.Text;
import java.util.Arrays;
import java.util.Optional;
import org.bson.BsonBinary;
import org.bson.BsonBinarySubType;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.conversions.Bson;

/** What is wrong with a stored key. The words stand in the repair record, in the report and in the metrics. */
public enum Defect {
    MISSING("missing"),
    NULL("null"),
    BLANK("blank"),
    /** A BSON binary of subtype 4 and 16 bytes. Subtype 3 is not one: its byte order is not known. */
    BINARY_UUID("binary-uuid"),
    NOT_A_STRING("not-a-string"),
    /** A string that an older document has too; never found by looking at one value. */
    DUPLICATE("duplicate");

    public static final int UUID_BYTES = 16;

    private final String word;

    Defect(String word) {
        this.word = word;
    }

    public String word() {
        return word;
    }

    /** The defect of that word. */
    public static Defect ofWord(String word) {
        return Arrays.stream(values())
                .filter(defect -> defect.word.equals(word))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("No reason has the word " + word));
    }

    /** What is wrong with {@code value}, which is Java's null where the field is missing; empty where it is sound. */
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
     * Finds the documents whose {@code field} has a defect of its own. An array matches by its elements, so it is named. A string
     * that is no UTF-8 matches no pattern, neither of blank text nor of other.
     */
    public static Bson filter(String field) {
        return Filters.or(
                Filters.not(Filters.type(field, BsonType.STRING)),
                Filters.type(field, BsonType.ARRAY),
                Filters.not(Filters.regex(field, Text.NOT_BLANK)));
    }
}
