package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonRawValue;
import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.StoredConversation;
import java.time.Instant;
import java.util.List;
import org.bson.BsonDocument;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * A conversation as its owner sees it.
 *
 * @param messages the newest page of them, oldest first
 * @param messageCount how many there are in all
 * @param older where the page before these messages is; missing where there is none
 * @param sessionIdRepair what the heal did to the sessionId; missing where it did nothing
 * @param conversationIdRepair the same of the conversationId
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationView(
        String conversationId,
        String sessionId,
        String userId,
        String title,
        @JsonRawValue @Schema(implementation = Object.class) String metadata,
        List<MessageView> messages,
        int messageCount,
        String older,
        RepairView sessionIdRepair,
        RepairView conversationIdRepair,

        @JsonFormat(shape = JsonFormat.Shape.STRING, pattern = TIME, timezone = "UTC")
        Instant createdAt,

        @JsonFormat(shape = JsonFormat.Shape.STRING, pattern = TIME, timezone = "UTC")
        Instant updatedAt) {

    /** As JavaScript writes a date in JSON, which is what the old application's callers parse. */
    static final String TIME = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";

    private static final JsonWriterSettings PLAIN = JsonWriterSettings.builder()
            .outputMode(JsonMode.RELAXED)
            .dateTimeConverter((millis, writer) ->
                    writer.writeString(Instant.ofEpochMilli(millis).toString()))
            .build();

    static ConversationView of(Page page) {
        StoredConversation conversation = page.conversation();
        return new ConversationView(
                conversation.conversationId(),
                conversation.sessionId(),
                conversation.userId(),
                conversation.title(),
                json(conversation.metadata()),
                MessageView.of(page.messages(), page.first()),
                conversation.messageCount(),
                page.hasMore()
                        ? ConversationResource.messagesBefore(conversation.conversationId(), page.first())
                        : null,
                RepairView.of(conversation, ConversationFields.SESSION_ID_REPAIR),
                RepairView.of(conversation, ConversationFields.CONVERSATION_ID_REPAIR),
                conversation.createdAt(),
                conversation.updatedAt());
    }

    static String json(BsonDocument document) {
        return document == null ? null : document.toJson(PLAIN);
    }
}
