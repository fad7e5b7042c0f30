package consulting.lmx.conversation.integrity.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.integrity.engine.repair.Repair;
import consulting.lmx.conversation.text.Text;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.bson.BsonArray;
import org.bson.BsonBinary;
import org.bson.BsonBinarySubType;
import org.bson.BsonBoolean;
import org.bson.BsonDateTime;
import org.bson.BsonDbPointer;
import org.bson.BsonDecimal128;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt32;
import org.bson.BsonInt64;
import org.bson.BsonJavaScript;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.BsonNull;
import org.bson.BsonObjectId;
import org.bson.BsonRegularExpression;
import org.bson.BsonString;
import org.bson.BsonSymbol;
import org.bson.BsonTimestamp;
import org.bson.BsonUndefined;
import org.bson.BsonValue;
import org.bson.types.Decimal128;
import org.bson.types.ObjectId;
import org.junit.jupiter.api.Test;

class DefectTest {

    private static final String WHITE_SPACE =
            "\t\n\u000b\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000";

    @Test
    void missingFieldIsMissing() {
        assertThat(Defect.of(null)).contains(Defect.MISSING);
    }

    @Property
    void stringWithACharacterOtherThanWhiteSpaceIsValid(@ForAll String text) {
        boolean blank = text.chars().allMatch(c -> WHITE_SPACE.indexOf(c) >= 0);
        assertThat(Defect.of(new BsonString(text))).isEqualTo(blank ? Optional.of(Defect.BLANK) : Optional.empty());
    }

    @Property
    void anyRunOfWhiteSpaceIsBlank(@ForAll("whiteSpace") String text) {
        assertThat(Defect.of(new BsonString(text))).contains(Defect.BLANK);
    }

    @Provide
    Arbitrary<String> whiteSpace() {
        return Arbitraries.strings().withChars(WHITE_SPACE.toCharArray()).ofMaxLength(20);
    }

    @Property
    void anyValueOfAnotherTypeIsNotAString(@ForAll("others") BsonValue value) {
        assertThat(Defect.of(value)).contains(Defect.NOT_A_STRING);
    }

    @Provide
    Arbitrary<BsonValue> others() {
        Arbitrary<BsonValue> fixed = Arbitraries.of(
                new BsonBoolean(true),
                new BsonRegularExpression("a", "i"),
                new BsonUndefined(),
                new BsonMinKey(),
                new BsonMaxKey(),
                new BsonSymbol("s"),
                new BsonJavaScript("1"),
                new BsonTimestamp(1),
                new BsonDbPointer("a.b", new ObjectId()),
                new BsonObjectId(),
                new BsonArray(),
                new BsonArray(List.of(new BsonString("in an array"))),
                new BsonDocument("a", new BsonInt32(1)),
                new BsonDecimal128(Decimal128.parse("1.5")),
                new BsonBinary(BsonBinarySubType.UUID_LEGACY, new byte[16]));
        return Arbitraries.oneOf(
                fixed,
                Arbitraries.integers().map(BsonInt32::new),
                Arbitraries.longs().map(BsonInt64::new),
                Arbitraries.longs().map(BsonDateTime::new),
                Arbitraries.doubles().map(BsonDouble::new),
                Arbitraries.bytes()
                        .array(byte[].class)
                        .ofMaxSize(15)
                        .map(bytes -> new BsonBinary(BsonBinarySubType.UUID_STANDARD, bytes)),
                Arbitraries.bytes().array(byte[].class).ofMaxSize(40).map(BsonBinary::new));
    }

    @Property
    void binaryUuidBecomesItsOwnText(@ForAll long high, @ForAll long low) {
        UUID uuid = new UUID(high, low);
        BsonBinary stored = new BsonBinary(uuid);
        assertThat(Defect.of(stored)).contains(Defect.BINARY_UUID);
        RequiredKey key = new RequiredKey("k", "kRepair", () -> "made");
        assertThat(Repair.of(new BsonObjectId(), stored, Defect.BINARY_UUID, key)
                        .value())
                .isEqualTo(uuid.toString());
    }

    @Test
    void nullIsNull() {
        assertThat(Defect.of(BsonNull.VALUE)).contains(Defect.NULL);
    }

    @Test
    void wordsAreThoseOfTheContract() {
        assertThat(Defect.values())
                .extracting(Defect::word)
                .containsExactly("missing", "null", "blank", "binary-uuid", "not-a-string", "duplicate");
    }

    @Test
    void patternsOfBlankAndNotBlankAreOpposites() {
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
                continue;
            }
            String text = Character.toString(c);
            boolean blank = Pattern.matches(Text.BLANK, text);
            boolean notBlank = Pattern.compile(Text.NOT_BLANK).matcher(text).find();
            assertThat(blank).as("U+%04X", c).isNotEqualTo(notBlank).isEqualTo(WHITE_SPACE.indexOf(c) >= 0);
        }
    }
}
