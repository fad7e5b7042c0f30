package consulting.lmx.conversation.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.JsonErrorMapper;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.text.Text;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.ext.Provider;
import jakarta.ws.rs.ext.ReaderInterceptor;
import jakarta.ws.rs.ext.ReaderInterceptorContext;
import java.io.ByteArrayInputStream;
import java.io.IOException;

/**
 * Rejects bodies that are not valid UTF-8: the parser would replace the invalid bytes. {@link JsonErrorMapper} answers the
 * errors of the parser.
 */
@Provider
public class JsonBody implements ReaderInterceptor {

    /** @throws ServiceException with {@link ErrorCode#INVALID_REQUEST} if the body is not UTF-8 */
    @Override
    public Object aroundReadFrom(ReaderInterceptorContext context) throws IOException {
        byte[] body = context.getInputStream().readAllBytes();
        if (!Text.isUtf8(body) || hasNul(body)) {
            throw new ServiceException(ErrorCode.INVALID_REQUEST, "The body is not UTF-8.");
        }
        context.setInputStream(new ByteArrayInputStream(body));
        try {
            return context.proceed();
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
