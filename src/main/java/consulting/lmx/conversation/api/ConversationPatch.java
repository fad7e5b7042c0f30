package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.ARCHIVED;
import static consulting.lmx.conversation.store.ConversationFields.METADATA;
import static consulting.lmx.conversation.store.ConversationFields.TITLE;

import com.fasterxml.jackson.annotation.JsonCreator;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.StoredConversation;
import consulting.lmx.conversation.text.Text;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bson.BsonBoolean;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.media.SchemaProperty;

/** A JSON merge patch (RFC 7396) of a conversation's {@code title}, {@code metadata} and {@code archived}. */
@Schema(
        type = SchemaType.OBJECT,
        properties = {
            @SchemaProperty(name = TITLE, type = SchemaType.STRING, nullable = true),
            @SchemaProperty(name = METADATA, type = SchemaType.OBJECT, nullable = true),
            @SchemaProperty(name = ARCHIVED, type = SchemaType.BOOLEAN, nullable = true)
        })
public final class ConversationPatch {

    private static final Set<String> FIELDS = Set.of(TITLE, METADATA, ARCHIVED);

    @Schema(hidden = true)
    private Map<String, Object> patch;

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public ConversationPatch(Map<String, Object> patch) {
        this.patch = patch;
    }

    /**
     * The changes of a valid patch.
     *
     * @param title the new title, BSON null to remove it; empty if the patch does not name it
     * @param metadata a merge patch of the metadata, BSON null to remove it; empty if the patch does not name it
     * @param archived the new value, BSON null to remove it; empty if the patch does not name it
     */
    record Changes(Optional<BsonValue> title, Optional<BsonValue> metadata, Optional<BsonValue> archived) {

        /**
         * Applies the changes.
         *
         * @throws ServiceException if the resulting metadata breaks a limit
         */
        StoredConversation applyTo(StoredConversation read) {
            StoredConversation changed = replaced(replaced(read, TITLE, title), ARCHIVED, archived);
            if (metadata.isPresent()) {
                changed = changed.with(
                        METADATA, MetadataConverter.OF_CONVERSATION.merged(read.metadata(), metadata.get()));
            }
            return changed;
        }

        private static StoredConversation replaced(StoredConversation read, String field, Optional<BsonValue> value) {
            return value.map(set -> read.with(field, set.isNull() ? null : set)).orElse(read);
        }

        /** The stored fields that the changes merge with their current value. */
        List<String> mergedFields() {
            return metadata.filter(BsonValue::isDocument).isPresent() ? List.of(METADATA) : List.of();
        }
    }

    /**
     * Validates the patch and drops the parsed JSON, which takes many times the memory of the body. Call it once.
     *
     * @throws ServiceException if the patch names another field, or a value breaks a limit
     */
    Changes changes() {
        Map<String, Object> fields = patch;
        patch = null;
        fields.keySet().stream()
                .filter(field -> !FIELDS.contains(field))
                .findFirst()
                .ifPresent(field -> {
                    throw ServiceException.invalid(field, "cannot be changed: only title, metadata and archived can");
                });
        return new Changes(
                fields.containsKey(TITLE) ? Optional.of(title(fields.get(TITLE))) : Optional.empty(),
                fields.containsKey(METADATA)
                        ? Optional.of(MetadataConverter.OF_CONVERSATION.patch(fields.get(METADATA)))
                        : Optional.empty(),
                fields.containsKey(ARCHIVED) ? Optional.of(archived(fields.get(ARCHIVED))) : Optional.empty());
    }

    private static BsonValue title(Object value) {
        if (value == null) {
            return BsonNull.VALUE;
        }
        if (!(value instanceof String title)) {
            throw ServiceException.invalid(TITLE, "must be a string or null");
        }
        if (Text.isBlank(title) || !Text.isWellFormed(title)) {
            throw ServiceException.invalid(TITLE, "must not be blank or contain a lone surrogate");
        }
        if (Text.length(title) > NewConversation.MAX_TITLE) {
            throw ServiceException.invalid(TITLE, "must be at most " + NewConversation.MAX_TITLE + " characters");
        }
        return new BsonString(title);
    }

    private static BsonValue archived(Object value) {
        if (value == null) {
            return BsonNull.VALUE;
        }
        if (!(value instanceof Boolean archived)) {
            throw ServiceException.invalid(ARCHIVED, "must be true, false or null");
        }
        return BsonBoolean.valueOf(archived);
    }
}
