package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.Message;
import consulting.lmx.conversation.text.Text;
import java.math.BigDecimal;
import java.math.MathContext;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.bson.BsonArray;
import org.bson.BsonBoolean;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt32;
import org.bson.BsonInt64;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.json.JsonMode;
import org.bson.json.JsonWriterSettings;

/**
 * Converts metadata between JSON and BSON. Metadata is a JSON object. Its key does not begin with {@code $} or a dot and holds no
 * NUL. A number is a 64-bit integer or a double, so that it is stored without loss.
 *
 * @param field the path of the metadata in the request
 * @param maxBytes the bound of its BSON
 */
record MetadataConverter(String field, int maxKeys, int maxDepth, int maxBytes) {

    private static final JsonWriterSettings PLAIN = JsonWriterSettings.builder()
            .outputMode(JsonMode.RELAXED)
            .dateTimeConverter((millis, writer) ->
                    writer.writeString(Instant.ofEpochMilli(millis).toString()))
            .build();

    /** The metadata of a conversation. */
    static final MetadataConverter OF_CONVERSATION = new MetadataConverter(METADATA, 16, 4, 8 * 1024);

    /** The metadata of a message. */
    static MetadataConverter ofMessage(String field) {
        return new MetadataConverter(field, Integer.MAX_VALUE, 16, 16 * 1024);
    }

    /**
     * Returns the metadata as it is stored; null for null.
     *
     * @throws ServiceException that names the rule that the metadata breaks
     */
    RawBsonDocument toBson(Map<String, Object> metadata) {
        if (metadata == null) {
            return null;
        }
        return requireBounds(object(metadata, 1));
    }

    /**
     * Converts a JSON merge patch of metadata; null, which removes it, becomes BSON null.
     *
     * @throws ServiceException that names the rule that the patch breaks
     */
    BsonValue patch(Object patch) {
        if (patch == null) {
            return BsonNull.VALUE;
        }
        if (!(patch instanceof Map<?, ?> changes)) {
            throw ServiceException.invalid(field, "must be an object or null");
        }
        return requireSize(object(changes, 1), 2 * maxBytes); // it may remove as much as it adds
    }

    /**
     * Applies a JSON merge patch (RFC 7396); returns null if it removes the metadata. Values that the patch does not name keep
     * their BSON type.
     *
     * @throws ServiceException that names the rule that the result breaks
     */
    RawBsonDocument merged(BsonDocument stored, BsonValue patch) {
        return patch.isNull() ? null : requireBounds(merge(stored, patch.asDocument()));
    }

    /** Returns the JSON of stored metadata; null for null. */
    static String json(BsonDocument metadata) {
        return metadata == null ? null : metadata.toJson(PLAIN);
    }

    /** A message's metadata with its size; null for null. */
    static Message.SizedMetadata measured(RawBsonDocument metadata) {
        if (metadata == null) {
            return null;
        }
        int bytes = metadata.getByteBuffer().remaining();
        return new Message.SizedMetadata(
                metadata, Math.max(bytes, MetadataConverter.json(metadata).length()));
    }

    private static BsonDocument merge(BsonDocument stored, BsonDocument patch) {
        BsonDocument merged = new BsonDocument();
        if (stored != null) {
            merged.putAll(stored);
        }
        patch.forEach((key, value) -> {
            if (value.isNull()) {
                merged.remove(key);
            } else if (value.isDocument()) {
                BsonValue current = merged.get(key);
                merged.put(
                        key,
                        merge(
                                current != null && current.isDocument() ? current.asDocument() : null,
                                value.asDocument()));
            } else {
                merged.put(key, value);
            }
        });
        return merged;
    }

    private RawBsonDocument requireBounds(BsonDocument metadata) {
        if (metadata.size() > maxKeys) {
            throw ServiceException.invalid(field, "must have at most " + maxKeys + " keys");
        }
        return requireSize(metadata, maxBytes);
    }

    private RawBsonDocument requireSize(BsonDocument metadata, int bytes) {
        RawBsonDocument raw = new RawBsonDocument(metadata, new BsonDocumentCodec());
        if (raw.getByteBuffer().remaining() > bytes) {
            throw ServiceException.invalid(field, "must be at most " + maxBytes + " bytes as BSON");
        }
        return raw;
    }

    private void requireDepth(int depth) {
        if (depth > maxDepth) {
            throw ServiceException.invalid(field, "must be at most " + maxDepth + " levels deep");
        }
    }

    private BsonDocument object(Map<?, ?> json, int depth) {
        requireDepth(depth);
        BsonDocument bson = new BsonDocument();
        json.forEach((key, value) -> bson.append(key(key.toString()), value(value, depth)));
        return bson;
    }

    private String key(String key) {
        boolean taken = key.startsWith("$") || key.startsWith(".") || key.indexOf('\0') >= 0;
        if (taken || !Text.isWellFormed(key)) {
            throw ServiceException.invalid(
                    field, "must not have a key that begins with $ or a dot, or is not valid text");
        }
        return key;
    }

    private BsonValue value(Object json, int depth) {
        if (json == null) {
            return BsonNull.VALUE;
        } else if (json instanceof String text) {
            if (!Text.isWellFormed(text)) {
                throw ServiceException.invalid(field, "must not contain a lone surrogate");
            }
            return new BsonString(text);
        } else if (json instanceof Boolean flag) {
            return BsonBoolean.valueOf(flag);
        } else if (json instanceof Integer number) {
            return new BsonInt32(number);
        } else if (json instanceof Long number) {
            return new BsonInt64(number);
        } else if (json instanceof BigDecimal number && isDouble(number)) {
            return new BsonDouble(number.doubleValue());
        } else if (json instanceof Map<?, ?> object) {
            return object(object, depth + 1);
        } else if (json instanceof List<?> list) {
            return list(list, depth + 1);
        }
        throw ServiceException.invalid(field, "has a number that cannot be stored without loss");
    }

    /** Whether the nearest double, rounded to the same number of digits, equals this number. */
    private static boolean isDouble(BigDecimal number) {
        double nearest = number.doubleValue();
        BigDecimal digits = number.stripTrailingZeros();
        return Double.isFinite(nearest)
                && new BigDecimal(nearest)
                                .round(new MathContext(digits.precision()))
                                .compareTo(digits)
                        == 0;
    }

    private BsonArray list(List<?> json, int depth) {
        requireDepth(depth);
        return new BsonArray(json.stream().map(value -> value(value, depth)).toList());
    }
}
