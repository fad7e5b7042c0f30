package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.error.ServiceException;
import io.quarkus.mongodb.FindOptions;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import org.bson.BsonDocument;

/** Hands a caller his conversations whole. Everything is asked for together with the caller. */
@ApplicationScoped
public class ExportService {

    /** The number of the messages in their place; what is no array counts as none, as it does everywhere. */
    private static final BsonDocument COUNTED =
            BsonDocument.parse("{$addFields: {messages: {$cond: [{$isArray: '$messages'}, {$size: '$messages'}, 0]}}}");

    private final ObjectMapper json;

    ExportService(ObjectMapper json) {
        this.json = json;
    }

    /**
     * The caller's conversation with all its messages as a JSON document, in pieces that are read as they are asked for. It
     * fails with a {@link ServiceException} or the driver's own; after the first piece, the document is not whole then.
     */
    Multi<Buffer> export(String caller, String conversationId) {
        BsonDocument owned = ConversationService.owned(caller, conversationId);
        return ConversationService.documents()
                .aggregate(List.of(new BsonDocument("$match", owned), COUNTED))
                .toUni()
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound)
                .onItem()
                .transformToMulti(head -> export(head, owned.append(ID, head.get(ID))));
    }

    private Multi<Buffer> export(BsonDocument head, BsonDocument same) {
        return new ConversationExport(
                        ConversationCodec.fromBson(head),
                        head.getNumber(MESSAGES).intValue(),
                        (from, limit) -> messages(same, from, limit),
                        json)
                .pieces();
    }

    private static Uni<List<Message>> messages(BsonDocument conversation, int from, int limit) {
        return ConversationService.documents()
                .find(
                        conversation,
                        new FindOptions()
                                .projection(Projections.fields(
                                        Projections.include(CONVERSATION_ID),
                                        Projections.slice(MESSAGES, from, limit))))
                .toUni()
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound)
                .map(found -> ConversationCodec.fromBson(found).messages);
    }
}
