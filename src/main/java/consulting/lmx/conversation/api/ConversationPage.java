package consulting.lmx.conversation.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import consulting.lmx.conversation.store.ListPosition;
import consulting.lmx.conversation.store.StoredConversation;
import java.util.List;

/**
 * A page of the caller's conversations, newest first.
 *
 * @param nextCursor the {@code after} of the next page; missing on the last page
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ConversationPage(List<ConversationSummary> data, boolean hasMore, String nextCursor) {

    /** @param found one more conversation than {@code limit} if there are more */
    static ConversationPage of(List<StoredConversation> found, int limit) {
        boolean more = found.size() > limit;
        List<StoredConversation> page = more ? found.subList(0, limit) : found;
        return new ConversationPage(
                page.stream().map(ConversationSummary::of).toList(),
                more,
                more ? Cursor.encode(ListPosition.after(page.get(limit - 1))) : null);
    }
}
