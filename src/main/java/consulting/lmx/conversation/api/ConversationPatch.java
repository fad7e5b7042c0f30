package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;

import com.fasterxml.jackson.annotation.JsonCreator;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.StoredConversation;
import consulting.lmx.conversation.text.Text;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.media.SchemaProperty;

/** A JSON merge patch (RFC 7396) of a conversation's {@code title} and {@code metadata}. */
@Schema(
        type = SchemaType.OBJECT,
        properties = {
            @SchemaProperty(name = TITLE, type = SchemaType.STRING, nullable = true),
            @SchemaProperty(name = METADATA, type = SchemaType.OBJECT, nullable = true)
        })
public final class ConversationPatch {

    private static final Set<String> FIELDS = Set.of(TITLE, METADATA);

    @Schema(hidden = true)
    private final Map<String, Object> patch;

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public ConversationPatch(Map<String, Object> patch) {
        this.patch = patch;
    }

    /**
     * Applies the patch.
     *
     * @throws ServiceException if the patch names another field, or the result breaks a limit
     */
    StoredConversation applyTo(StoredConversation read) {
        patch.keySet().stream()
                .filter(field -> !FIELDS.contains(field))
                .findFirst()
                .ifPresent(field -> {
                    throw ServiceException.invalid(field, "cannot be changed: only title and metadata can");
                });
        StoredConversation changed = read;
        if (patch.containsKey(TITLE)) {
            String title = title(patch.get(TITLE));
            changed = changed.with(TITLE, title == null ? null : new BsonString(title));
        }
        if (patch.containsKey(METADATA)) {
            changed = changed.with(METADATA, metadata(read));
        }
        return changed;
    }

    /** The stored fields that the patch merges with their current value. */
    List<String> mergedFields() {
        return patch.get(METADATA) == null ? List.of() : List.of(METADATA);
    }

    private static String title(Object value) {
        if (value == null) {
            return null;
        }
        if (!(value instanceof String title)) {
            throw ServiceException.invalid(TITLE, "must be a string or null");
        }
        if (Text.isBlank(title) || !Text.isWellFormed(title)) {
            throw ServiceException.invalid(TITLE, "must be text");
        }
        if (Text.length(title) > NewConversation.MAX_TITLE) {
            throw ServiceException.invalid(TITLE, "must be at most " + NewConversation.MAX_TITLE + " characters");
        }
        return title;
    }

    private BsonDocument metadata(StoredConversation conversation) {
        Object value = patch.get(METADATA);
        if (value == null) {
            return null;
        }
        if (!(value instanceof Map<?, ?> changes)) {
            throw ServiceException.invalid(METADATA, "must be an object or null");
        }
        return Metadata.merged(conversation.metadata(), changes);
    }
}
