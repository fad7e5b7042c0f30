package consulting.lmx.conversation.store;

import org.bson.codecs.Codec;
import org.bson.codecs.configuration.CodecProvider;
import org.bson.codecs.configuration.CodecRegistry;

/** Registers {@link ConversationCodec} with the driver. */
public class ConversationCodecProvider implements CodecProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> Codec<T> get(Class<T> type, CodecRegistry registry) {
        return type == Conversation.class ? (Codec<T>) new ConversationCodec() : null;
    }
}
