package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import com.fasterxml.jackson.annotation.JsonCreator;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.Message;
import java.util.Map;
import java.util.Optional;
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

    private static final Metadata BOUNDS = Metadata.ofMessage(METADATA);

    @Schema(hidden = true)
    private final BsonValue metadata;

    /** @throws ServiceException if the patch names another field, or breaks a limit */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public MessagePatch(Map<String, Object> patch) {
        patch.keySet().stream()
                .filter(field -> !field.equals(METADATA))
                .findFirst()
                .ifPresent(field -> {
                    throw ServiceException.invalid(field, "cannot be changed: only metadata can");
                });
        if (patch.isEmpty()) {
            throw ServiceException.invalid(METADATA, "must be present");
        }
        metadata = ConversationPatch.metadata(patch.get(METADATA), BOUNDS);
    }

    /**
     * Applies the patch.
     *
     * @throws ServiceException if the resulting metadata breaks a limit
     */
    Optional<Message.Metadata> applyTo(Optional<Message.Metadata> stored) {
        return metadata.isNull()
                ? Optional.empty()
                : Optional.of(Metadata.measured(
                        BOUNDS.merged(stored.map(Message.Metadata::value).orElse(null), metadata.asDocument())));
    }
}
