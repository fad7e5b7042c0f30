package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import io.smallrye.mutiny.Uni;
import jakarta.interceptor.InterceptorBinding;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks routes of conversations, which return a {@link Uni}. {@link Admission} limits them to
 * {@link RequestConfig#maxConcurrent()} calls at once, they answer within {@link RequestConfig#timeout()}, and responses and
 * rejections rest on reads of the current primary. All this applies to opening a stream, not to the open stream.
 */
@InterceptorBinding
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface Limited {}
