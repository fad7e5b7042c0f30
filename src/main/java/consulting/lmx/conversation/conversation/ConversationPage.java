package consulting.lmx.conversation.conversation;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/**
 * Some of the caller's conversations, newest first, without their messages.
 *
 * @param nextCursor what {@code after} of the next page is; missing on the last one
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationPage(List<ConversationSummary> data, boolean hasMore, String nextCursor) {

    /** {@code found} holds one more than {@code limit} where there are more. */
    static ConversationPage of(List<Conversation> found, int limit) {
        boolean more = found.size() > limit;
        List<Conversation> page = more ? found.subList(0, limit) : found;
        return new ConversationPage(
                page.stream().map(ConversationSummary::of).toList(),
                more,
                more ? Cursor.after(page.get(limit - 1)).encoded() : null);
    }
}
