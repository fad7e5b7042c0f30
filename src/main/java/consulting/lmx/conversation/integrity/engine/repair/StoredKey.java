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
 * A document's {@code _id} and its key, read without making a document of it: a scan reads many. What no key can be made of may
 * be as large as a document; it is passed over, so that a batch takes little memory whatever it finds.
 *
 * @param value Java's null where the key is missing; one of the first three below if it was passed over
 */
public record StoredKey(BsonValue id, BsonValue value) {

    /** Stands for a value that is no string and no binary. */
    private static final BsonValue UNREAD = new BsonUndefined();

    /** Stands for a binary that is too long for a UUID. */
    static final BsonValue UNREAD_BINARY = new BsonBinary(new byte[0]);

    /** Stands for a long blank string. */
    private static final BsonValue UNREAD_BLANK = new BsonString("");

    /** Stands for a string of bytes that are not UTF-8: no string that is sent equals it. */
    static final BsonValue NO_TEXT = new BsonString("\uFFFD");

    private static final int LONG = 1000;

    /** Whether it stands for a value that was passed over, and has that value's defect. */
    public static boolean isUnread(BsonValue value) {
        return value == UNREAD || value == UNREAD_BINARY || value == UNREAD_BLANK;
    }

    /** Whether the server found it to be no text, though it reads as such. */
    boolean isNoText() {
        return Defect.of(value).isEmpty() && value.asString().getValue().indexOf('\uFFFD') >= 0;
    }

    Optional<Defect> defect() {
        return value == NO_TEXT ? Optional.of(Defect.NOT_A_STRING) : Defect.of(value);
    }

    /** The collection, read as stored keys of {@code field}. */
    public static MongoCollection<StoredKey> of(MongoCollection<BsonDocument> collection, String field) {
        return collection
                .withDocumentClass(StoredKey.class)
                .withCodecRegistry(CodecRegistries.fromRegistries(
                        CodecRegistries.fromCodecs(new Reader(field)), collection.getCodecRegistry()));
    }

    private record Reader(String field) implements Codec<StoredKey> {

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
                case STRING -> kept(reader.readString());
                case NULL -> {
                    reader.readNull();
                    yield BsonNull.VALUE;
                }
                case BINARY -> kept(ANY.decode(reader, context).asBinary());
                default -> {
                    reader.skipValue();
                    yield UNREAD;
                }
            };
        }

        private static BsonValue kept(String value) {
            return value.length() > LONG && Text.isBlank(value) ? UNREAD_BLANK : new BsonString(value);
        }

        private static BsonValue kept(BsonBinary value) {
            return value.getData().length > Defect.UUID_BYTES ? UNREAD_BINARY : value;
        }

        @Override
        public void encode(BsonWriter writer, StoredKey key, EncoderContext context) {
            throw new UnsupportedOperationException("A stored key is read, never written");
        }

        @Override
        public Class<StoredKey> getEncoderClass() {
            return StoredKey.class;
        }
    }
}
