package consulting.lmx.conversation.http;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.type.LogicalType;
import io.quarkus.jackson.ObjectMapperCustomizer;
import jakarta.inject.Singleton;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.TimeZone;

/**
 * Sets the format of times and configures strict parsing: no numbers as strings, no rounded numbers, no duplicate fields, and
 * nothing after the object. The number of values is limited, because a value of two bytes becomes an object of a hundred.
 */
@Singleton
public class JsonCustomizer implements ObjectMapperCustomizer {

    /** The format of a JavaScript date in JSON, which callers of the old application parse. */
    private static final String TIME = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'";

    /** Maximum of field names, values, and starts and ends of objects and arrays. */
    private static final int MAX_TOKENS = 50_000;

    @Override
    public void customize(ObjectMapper mapper) {
        mapper.configure(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, true);
        mapper.configure(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS, true);
        mapper.getFactory()
                .setStreamReadConstraints(mapper.getFactory()
                        .streamReadConstraints()
                        .rebuild()
                        .maxTokenCount(MAX_TOKENS)
                        .build());
        mapper.getFactory().configure(StreamReadFeature.STRICT_DUPLICATE_DETECTION.mappedFeature(), true);
        mapper.configOverride(Instant.class)
                .setFormat(JsonFormat.Value.forPattern(TIME).withTimeZone(TimeZone.getTimeZone(ZoneOffset.UTC)));
        for (CoercionInputShape shape :
                List.of(CoercionInputShape.Integer, CoercionInputShape.Float, CoercionInputShape.Boolean)) {
            mapper.coercionConfigFor(LogicalType.Textual).setCoercion(shape, CoercionAction.Fail);
        }
    }
}
