package consulting.lmx.conversation.api;

import static consulting.lmx.conversation.store.ConversationFields.METADATA;

import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.LimitsConfig;
import consulting.lmx.conversation.text.Text;
import java.math.BigDecimal;
import java.math.MathContext;
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

/**
 * The caller's own data beside a conversation: a JSON object within the bounds of {@link LimitsConfig}, by default of at most
 * 16 keys, 4 levels and 8 KiB as BSON. A key may not begin with {@code $} or a dot nor hold a NUL, and a number must be a
 * whole one of 64 bits or a double, so that what is stored is what came.
 */
final class Metadata {

    private final LimitsConfig limits;

    Metadata(LimitsConfig limits) {
        this.limits = limits;
    }

    /**
     * As it is stored; null stays null.
     *
     * @throws ServiceException that names the rule it breaks
     */
    BsonDocument toBson(Map<String, Object> metadata) {
        if (metadata == null) {
            return null;
        }
        return requireBounds(object(metadata, 1));
    }

    /**
     * What is stored, with a merge patch applied (RFC 7396): null removes, an object merges, anything else replaces. Values
     * that the patch does not name stay of their type.
     *
     * @throws ServiceException that names the rule the outcome breaks
     */
    BsonDocument merged(BsonDocument stored, Map<?, ?> patch) {
        return requireBounds(merged(stored, patch, 1));
    }

    private BsonDocument merged(BsonDocument stored, Map<?, ?> patch, int depth) {
        requireDepth(depth);
        BsonDocument merged = new BsonDocument();
        if (stored != null) {
            merged.putAll(stored);
        }
        patch.forEach((name, value) -> {
            String key = key(name.toString());
            if (value == null) {
                merged.remove(key);
            } else if (value instanceof Map<?, ?> inner) {
                BsonValue there = merged.get(key);
                merged.put(
                        key, merged(there != null && there.isDocument() ? there.asDocument() : null, inner, depth + 1));
            } else {
                merged.put(key, value(value, depth));
            }
        });
        return merged;
    }

    private BsonDocument requireBounds(BsonDocument metadata) {
        if (metadata.size() > limits.metadataKeys()) {
            throw ServiceException.invalid(METADATA, "must have at most " + limits.metadataKeys() + " keys");
        }
        long size = new RawBsonDocument(metadata, new BsonDocumentCodec())
                .getByteBuffer()
                .remaining();
        if (size > limits.metadataSize().asLongValue()) {
            throw ServiceException.invalid(
                    METADATA, "must be at most " + limits.metadataSize().asLongValue() + " bytes as BSON");
        }
        return metadata;
    }

    private void requireDepth(int depth) {
        if (depth > limits.metadataDepth()) {
            throw ServiceException.invalid(METADATA, "must be at most " + limits.metadataDepth() + " levels deep");
        }
    }

    private BsonDocument object(Map<?, ?> json, int depth) {
        requireDepth(depth);
        BsonDocument bson = new BsonDocument();
        json.forEach((key, value) -> bson.append(key(key.toString()), value(value, depth)));
        return bson;
    }

    private static String key(String key) {
        boolean taken = key.startsWith("$") || key.startsWith(".") || key.indexOf('\0') >= 0;
        if (taken || !Text.isWellFormed(key)) {
            throw ServiceException.invalid(METADATA, "may not have a key that begins with $ or a dot, or is no text");
        }
        return key;
    }

    private BsonValue value(Object json, int depth) {
        if (json == null) {
            return BsonNull.VALUE;
        } else if (json instanceof String text) {
            if (!Text.isWellFormed(text)) {
                throw ServiceException.invalid(METADATA, "has a surrogate without its other half");
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
        throw ServiceException.invalid(METADATA, "has a number that cannot be kept as it is");
    }

    /** Whether a double, written with as many digits, is this number. */
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
