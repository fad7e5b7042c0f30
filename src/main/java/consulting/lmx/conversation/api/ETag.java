package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.ARCHIVED;

import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.store.MessageReader.Page;
import consulting.lmx.conversation.store.StoredConversation;
import consulting.lmx.conversation.text.Text;
import jakarta.ws.rs.core.EntityTag;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * The strong entity tag of a conversation: a digest of the fields in a response. Messages are only appended, so their number and
 * the last one represent them all.
 */
final class ETag {

    private static final int BYTES = 16;

    private ETag() {}

    static EntityTag of(Page page) {
        StoredConversation conversation = page.conversation();
        MessageDigest digest = Text.sha256();
        add(digest, conversation.conversationId());
        add(digest, conversation.sessionId());
        add(digest, conversation.title());
        add(digest, ConversationView.json(conversation.metadata()));
        if (conversation.archived()) { // else the tag is that of an older version, which may run beside this one
            add(digest, ARCHIVED);
        }
        add(digest, String.valueOf(conversation.updatedAt()));
        List<Message> newest = page.messages();
        add(digest, String.valueOf(conversation.messageCount()));
        add(digest, newest.isEmpty() ? null : newest.get(newest.size() - 1).toString());
        byte[] tag = Arrays.copyOf(digest.digest(), BYTES);
        return new EntityTag(Base64.getUrlEncoder().withoutPadding().encodeToString(tag));
    }

    /** Adds the length before the text, so that no two sequences of texts have the same digest. */
    private static void add(MessageDigest digest, String text) {
        byte[] bytes = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(Integer.BYTES)
                .putInt(text == null ? -1 : bytes.length)
                .flip());
        digest.update(bytes);
    }
}
