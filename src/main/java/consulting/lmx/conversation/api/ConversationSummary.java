package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A conversation in a list, without messages. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationSummary(
        String conversationId,
        String sessionId,
        String userId,
        String title,
        @JsonRawValue @Schema(implementation = Object.class) String metadata,
        Instant createdAt,
        Instant updatedAt) {

    static ConversationSummary of(StoredConversation conversation) {
        return new ConversationSummary(
                conversation.conversationId(),
                conversation.sessionId(),
                conversation.userId(),
                conversation.title(),
                ConversationView.json(conversation.metadata()),
                conversation.createdAt(),
                conversation.updatedAt());
    }
}
