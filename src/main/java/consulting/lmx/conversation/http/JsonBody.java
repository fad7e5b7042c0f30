package consulting.lmx.conversation.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.JsonErrorMapper;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.text.Text;
import io.quarkus.resteasy.reactive.jackson.runtime.serialisers.ServerJacksonMessageBodyReader;
import jakarta.enterprise.inject.Instance;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.MultivaluedMap;
import jakarta.ws.rs.ext.Provider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;

/**
 * Rejects bodies that are not valid UTF-8: the parser would replace the invalid bytes. {@link JsonErrorMapper} answers the
 * errors of the parser.
 */
@Provider
@Consumes({MediaType.APPLICATION_JSON, "application/merge-patch+json"})
public class JsonBody extends ServerJacksonMessageBodyReader {

    JsonBody(Instance<ObjectMapper> mapper) {
        super(mapper);
    }

    /** @throws ServiceException with {@link ErrorCode#INVALID_REQUEST} if the body is not UTF-8 */
    @Override
    public Object readFrom(
            Class<Object> type,
            Type genericType,
            Annotation[] annotations,
            MediaType mediaType,
            MultivaluedMap<String, String> headers,
            InputStream in)
            throws IOException {
        byte[] body = in.readAllBytes();
        if (!Text.isUtf8(body) || hasNul(body)) {
            throw new ServiceException(ErrorCode.INVALID_REQUEST, "The body is not UTF-8.");
        }
        try {
            return super.readFrom(type, genericType, annotations, mediaType, headers, new ByteArrayInputStream(body));
        } catch (WebApplicationException e) {
            if (e.getCause() instanceof JsonProcessingException json) {
                throw json;
            }
            throw e;
        }
    }

    /** JSON has no NUL, and the parser takes a body that begins with one for UTF-16 or UTF-32. */
    private static boolean hasNul(byte[] body) {
        for (byte b : body) {
            if (b == 0) {
                return true;
            }
        }
        return false;
    }
}
