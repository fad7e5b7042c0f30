package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A conversation in a list.
 *
 * @param archived whether the owner archived it
 * @param lastMessage the newest message; missing if the conversation has no messages, or if the server cannot read the text of
 *     a message of the page
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationSummary(
        String conversationId,
        String sessionId,
        String userId,
        String title,
        @JsonRawValue @Schema(implementation = Object.class) String metadata,
        boolean archived,
        LastMessage lastMessage,
        Instant createdAt,
        Instant updatedAt) {

    /**
     * The newest message of a conversation in a list.
     *
     * @param content the first 200 characters
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record LastMessage(String role, String content, Instant timestamp) {}

    static ConversationSummary of(StoredConversation conversation) {
        return new ConversationSummary(
                conversation.conversationId(),
                conversation.sessionId(),
                conversation.userId(),
                conversation.title(),
                MetadataConverter.json(conversation.metadata()),
                conversation.archived(),
                conversation
                        .lastMessage()
                        .map(last -> new LastMessage(last.role(), last.content(), last.timestamp()))
                        .orElse(null),
                conversation.createdAt(),
                conversation.updatedAt());
    }
}
