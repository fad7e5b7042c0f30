package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import org.bson.BsonDocument;
import org.bson.BsonReader;
import org.bson.BsonType;
import org.bson.BsonValue;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.codecs.Codec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.RawBsonDocumentCodec;
import org.bson.codecs.configuration.CodecProvider;
import org.bson.codecs.configuration.CodecRegistry;

/** Registers {@link ConversationCodec}, and a codec of stored documents, with the driver. */
public class ConversationCodecProvider implements CodecProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> Codec<T> get(Class<T> type, CodecRegistry registry) {
        if (type == Conversation.class) {
            return (Codec<T>) new ConversationCodec();
        }
        return type == BsonDocument.class ? (Codec<T>) new StoredDocumentCodec(registry) : null;
    }

    /** Decodes documents, and keeps metadata as bytes. As a tree of values, metadata takes up to ten times its size. */
    private static final class StoredDocumentCodec extends BsonDocumentCodec {

        private static final RawBsonDocumentCodec BYTES = new RawBsonDocumentCodec();

        StoredDocumentCodec(CodecRegistry registry) {
            super(registry);
        }

        @Override
        protected BsonValue readValue(BsonReader reader, DecoderContext context) {
            return reader.getCurrentBsonType() == BsonType.DOCUMENT && METADATA.equals(reader.getCurrentName())
                    ? BYTES.decode(reader, context)
                    : super.readValue(reader, context);
        }
    }
}
