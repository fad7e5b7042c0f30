package consulting.lmx.conversation.integrity;

import com.mongodb.reactivestreams.client.MongoCollection;
import org.bson.BsonDocument;
import org.bson.BsonNull;
import org.bson.BsonObjectId;
import org.bson.BsonReader;
import org.bson.BsonString;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.BsonWriter;
import org.bson.codecs.BsonValueCodec;
import org.bson.codecs.Codec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;
import org.bson.codecs.configuration.CodecRegistries;

/**
 * A document's {@code _id} and its key, read without making a document of it: a scan reads many.
 *
 * @param value Java's null where the key is missing
 */
record StoredKey(BsonValue id, BsonValue value) {

    /** The collection, read as stored keys of {@code field}. */
    static MongoCollection<StoredKey> of(MongoCollection<BsonDocument> collection, String field) {
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
                    id = read(reader, context);
                } else if (name.equals(field)) {
                    value = read(reader, context);
                } else {
                    reader.skipValue();
                }
            }
            reader.readEndDocument();
            return new StoredKey(id, value);
        }

        /** The common types straight, the rest as the driver does. */
        private static BsonValue read(BsonReader reader, DecoderContext context) {
            return switch (reader.getCurrentBsonType()) {
                case OBJECT_ID -> new BsonObjectId(reader.readObjectId());
                case STRING -> new BsonString(reader.readString());
                case NULL -> {
                    reader.readNull();
                    yield BsonNull.VALUE;
                }
                default -> ANY.decode(reader, context);
            };
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
