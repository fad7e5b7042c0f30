package consulting.lmx.conversation.integrity.engine.repair;

import com.mongodb.reactivestreams.client.MongoCollection;
import consulting.lmx.conversation.integrity.engine.model.Defect;
import consulting.lmx.conversation.text.Text;
import java.util.Optional;
import org.bson.BsonBinary;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonObjectId;
import org.bson.BsonReader;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonUndefined;
import org.bson.BsonValue;
import org.bson.BsonWriter;
import org.bson.codecs.BsonValueCodec;
import org.bson.codecs.Codec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;
import org.bson.codecs.configuration.CodecRegistries;

/**
 * The {@code _id} and the key of a document, decoded without the rest because a scan reads many. A large value is skipped:
 * it may be as large as a document, and a batch must fit in little memory.
 *
 * @param value the value, or a marker for a skipped value; Java's null if the field is missing
 */
public record StoredKey(BsonValue id, BsonValue value) {

    /** The marker of a skipped value that is no string and no binary. */
    private static final BsonValue SKIPPED = new BsonUndefined();

    /** The marker of a skipped binary that is too long for a UUID. */
    static final BsonValue SKIPPED_BINARY = new BsonBinary(new byte[0]);

    /** The marker of a skipped blank string. */
    private static final BsonValue SKIPPED_BLANK = new BsonString("");

    /** The marker of a string that is not valid UTF-8. No string in a query equals such a value. */
    static final BsonValue INVALID_UTF8 = new BsonString("\uFFFD");

    private static final int LONG_VALUE = 1000;

    /** Whether {@code value} is the marker of a skipped value. The marker has the same defect. */
    public static boolean isSkipped(BsonValue value) {
        return value == SKIPPED || value == SKIPPED_BINARY || value == SKIPPED_BLANK;
    }

    /**
     * The server's filter found this key to be broken. If it decodes to a valid string with a replacement character, its
     * bytes were not valid UTF-8.
     */
    StoredKey withInvalidUtf8Marked() {
        boolean invalid =
                Defect.of(value).isEmpty() && value.asString().getValue().indexOf('\uFFFD') >= 0;
        return invalid ? new StoredKey(id, INVALID_UTF8) : this;
    }

    Optional<Defect> defect() {
        return value == INVALID_UTF8 ? Optional.of(Defect.NOT_A_STRING) : Defect.of(value);
    }

    /** The collection, whose documents are decoded as the stored keys of {@code field}. */
    public static MongoCollection<StoredKey> of(MongoCollection<BsonDocument> collection, String field) {
        return collection
                .withDocumentClass(StoredKey.class)
                .withCodecRegistry(CodecRegistries.fromRegistries(
                        CodecRegistries.fromCodecs(new Decoder(field)), collection.getCodecRegistry()));
    }

    private record Decoder(String field) implements Codec<StoredKey> {

        private static final BsonValueCodec ANY = new BsonValueCodec();

        @Override
        public StoredKey decode(BsonReader reader, DecoderContext context) {
            BsonValue id = null;
            BsonValue value = null;
            reader.readStartDocument();
            while (reader.readBsonType() != BsonType.END_OF_DOCUMENT) {
                String name = reader.readName();
                if (name.equals("_id")) {
                    id = readId(reader, context);
                } else if (name.equals(field)) {
                    value = readKey(reader, context);
                } else {
                    reader.skipValue();
                }
            }
            reader.readEndDocument();
            return new StoredKey(id, value);
        }

        private static BsonValue readId(BsonReader reader, DecoderContext context) {
            return reader.getCurrentBsonType() == BsonType.OBJECT_ID
                    ? new BsonObjectId(reader.readObjectId())
                    : ANY.decode(reader, context);
        }

        private static BsonValue readKey(BsonReader reader, DecoderContext context) {
            return switch (reader.getCurrentBsonType()) {
                case STRING -> keepOrSkip(reader.readString());
                case NULL -> {
                    reader.readNull();
                    yield BsonNull.VALUE;
                }
                case BINARY -> keepOrSkip(ANY.decode(reader, context).asBinary());
                default -> {
                    reader.skipValue();
                    yield SKIPPED;
                }
            };
        }

        private static BsonValue keepOrSkip(String value) {
            return value.length() > LONG_VALUE && Text.isBlank(value) ? SKIPPED_BLANK : new BsonString(value);
        }

        private static BsonValue keepOrSkip(BsonBinary value) {
            return value.getData().length > Defect.UUID_BYTES ? SKIPPED_BINARY : value;
        }

        @Override
        public void encode(BsonWriter writer, StoredKey key, EncoderContext context) {
            throw new UnsupportedOperationException("A StoredKey is never written");
        }

        @Override
        public Class<StoredKey> getEncoderClass() {
            return StoredKey.class;
        }
    }
}
