package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import com.fasterxml.jackson.annotation.JsonCreator;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.Message;
import java.util.Map;
import java.util.Set;
import org.bson.BsonValue;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.media.SchemaProperty;

/** A JSON merge patch (RFC 7396) of a message's {@code metadata}. */
@Schema(
        type = SchemaType.OBJECT,
        requiredProperties = METADATA,
        properties = @SchemaProperty(name = METADATA, type = SchemaType.OBJECT, nullable = true))
public final class MessagePatch {

    private static final MetadataConverter BOUNDS = MetadataConverter.ofMessage(METADATA);

    @Schema(hidden = true)
    private Map<String, Object> patch;

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public MessagePatch(Map<String, Object> patch) {
        this.patch = patch;
    }

    /**
     * Returns a merge patch of the metadata, BSON null to remove it. Drops the parsed JSON, which takes many times the memory of
     * the body: call it once.
     *
     * @throws ServiceException if the patch names another field, or breaks a limit
     */
    BsonValue metadata() {
        Map<String, Object> fields = patch;
        patch = null;
        if (!fields.keySet().equals(Set.of(METADATA))) {
            throw ServiceException.invalid(METADATA, "must be the only field");
        }
        return BOUNDS.patch(fields.get(METADATA));
    }

    /**
     * Applies a merge patch to the metadata of a message, which may be null.
     *
     * @throws ServiceException if the result breaks a limit
     */
    static Message.SizedMetadata merged(Message.SizedMetadata stored, BsonValue patch) {
        return MetadataConverter.measured(BOUNDS.merged(stored == null ? null : stored.value(), patch));
    }
}
