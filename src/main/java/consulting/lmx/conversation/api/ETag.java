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
 * The strong entity tag of a conversation: a digest of the fields in a response. The content of a message does not change, so the
 * number of messages and the last one represent them all.
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
        add(digest, MetadataConverter.json(conversation.metadata()));
        if (conversation.archived()) { // else the tag is that of an older version, which may run beside this one
            add(digest, ARCHIVED);
        }
        add(digest, String.valueOf(conversation.updatedAt()));
        List<Message> newest = page.messages();
        add(digest, String.valueOf(conversation.messageCount()));
        add(digest, newest.isEmpty() ? null : text(newest.get(newest.size() - 1)));
        newest.stream()
                .filter(message -> message.metadata() != null)
                .forEach(message ->
                        add(digest, MetadataConverter.json(message.metadata().value())));
        byte[] tag = Arrays.copyOf(digest.digest(), BYTES);
        return new EntityTag(Base64.getUrlEncoder().withoutPadding().encodeToString(tag));
    }

    /** The form that older versions use, which may run beside this one. */
    private static String text(Message message) {
        return "Message[role=" + message.role() + ", content=" + message.content() + ", timestamp="
                + message.timestamp() + ", idempotencyKey=" + message.idempotencyKey() + "]";
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
