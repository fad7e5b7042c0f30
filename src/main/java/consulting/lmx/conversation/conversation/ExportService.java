package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.ID;
import static consulting.lmx.conversation.conversation.ConversationFields.MESSAGES;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.conversation.MessageStore.Part;
import consulting.lmx.conversation.error.ServiceException;
import consulting.lmx.conversation.http.AnswerLimit;
import io.smallrye.mutiny.Multi;
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

    private final MessageStore store;
    private final ProvenPrimary primary;
    private final AnswerLimit answer;
    private final ObjectMapper json;

    ExportService(MessageStore store, ProvenPrimary primary, AnswerLimit answer, ObjectMapper json) {
        this.store = store;
        this.primary = primary;
        this.answer = answer;
        this.json = json;
    }

    /**
     * The caller's conversation with all its messages as a JSON document, in pieces that are read as they are asked for. It
     * fails with a {@link ServiceException} or the driver's own; after the first piece, the document is not whole then.
     */
    Multi<Buffer> export(String caller, String conversationId) {
        BsonDocument owned = ConversationService.owned(caller, conversationId);
        return answer.of(primary.read(ConversationService.documents()
                        .aggregate(List.of(new BsonDocument("$match", owned), COUNTED))
                        .toUni()))
                .onItem()
                .ifNull()
                .failWith(ConversationService::notFound)
                .onItem()
                .transformToMulti(head -> export(head, owned.append(ID, head.get(ID))));
    }

    private Multi<Buffer> export(BsonDocument head, BsonDocument same) {
        Conversation conversation = ConversationCodec.fromBson(head);
        return new ConversationExport(
                        conversation,
                        conversation.moved() + head.getNumber(MESSAGES).intValue(),
                        (from, limit) -> answer.of(primary.read(store.read(same, conversation.moved(), from, limit)))
                                .onItem()
                                .ifNull()
                                .failWith(ConversationService::notFound)
                                .map(Part::messages),
                        json)
                .pieces();
    }
}
