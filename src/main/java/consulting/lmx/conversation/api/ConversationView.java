package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.StoredConversation;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A conversation in a response.
 *
 * @param messages the newest page of messages, oldest first
 * @param messageCount the number of all messages
 * @param older the path of the page before these messages; missing if there is none
 * @param sessionIdRepair the heal's record of the sessionId; missing if it repaired nothing
 * @param conversationIdRepair the heal's record of the conversationId; missing if it repaired nothing
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationView(
        String conversationId,
        String sessionId,
        String userId,
        String title,
        @JsonRawValue @Schema(implementation = Object.class) String metadata,
        boolean archived,
        List<MessageView> messages,
        int messageCount,
        String older,
        RepairView sessionIdRepair,
        RepairView conversationIdRepair,
        Instant createdAt,
        Instant updatedAt) {

    static ConversationView of(Page page) {
        StoredConversation conversation = page.conversation();
        return new ConversationView(
                conversation.conversationId(),
                conversation.sessionId(),
                conversation.userId(),
                conversation.title(),
                MetadataConverter.json(conversation.metadata()),
                conversation.archived(),
                MessageView.of(page.messages(), page.first()),
                conversation.messageCount(),
                page.hasMore() ? uri(conversation.conversationId()) + "/messages?before=" + page.first() : null,
                RepairView.of(conversation, ConversationFields.SESSION_ID_REPAIR),
                RepairView.of(conversation, ConversationFields.CONVERSATION_ID_REPAIR),
                conversation.createdAt(),
                conversation.updatedAt());
    }

    /** Encodes every reserved character of the id. {@code UriBuilder} does not encode semicolons. */
    static URI uri(String conversationId) {
        String encoded =
                URLEncoder.encode(conversationId, StandardCharsets.UTF_8).replace("+", "%20");
        return URI.create(ConversationResource.PATH + "/" + encoded);
    }
}
