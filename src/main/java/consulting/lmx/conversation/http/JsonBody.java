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
 * Lets a body through to the parser where it is UTF-8, which the parser itself takes loosely: it would store another text
 * than came. What the parser says of a body is answered by {@link JsonErrorMapper}.
 */
@Provider
public class JsonBody implements ReaderInterceptor {

    /** @throws ServiceException where the body is no UTF-8 */
    @Override
    public Object aroundReadFrom(ReaderInterceptorContext context) throws IOException {
        byte[] body = context.getInputStream().readAllBytes();
        if (!Text.isUtf8(body) || holdsNul(body)) {
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

    /** No JSON does; where one is at its beginning, the parser takes the body for UTF-16 or UTF-32. */
    private static boolean holdsNul(byte[] body) {
        for (byte b : body) {
            if (b == 0) {
                return true;
            }
        }
        return false;
    }
}
