package consulting.lmx.conversation.store;

import org.bson.codecs.Codec;
import org.bson.codecs.configuration.CodecProvider;
import org.bson.codecs.configuration.CodecRegistry;

/** Makes {@link ConversationCodec} the one way in which the driver writes and reads a {@link Conversation}. */
public class ConversationCodecProvider implements CodecProvider {

    @Override
    @SuppressWarnings("unchecked")
    public <T> Codec<T> get(Class<T> type, CodecRegistry registry) {
        return type == Conversation.class ? (Codec<T>) new ConversationCodec() : null;
    }
}
