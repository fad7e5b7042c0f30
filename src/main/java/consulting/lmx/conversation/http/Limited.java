package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import jakarta.interceptor.InterceptorBinding;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks routes that {@link Admission} limits to {@link RequestConfig#maxConcurrent()} calls at once, and that answer within
 * {@link RequestConfig#timeout()}. Both apply to opening a stream, not to the open stream.
 */
@InterceptorBinding
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
public @interface Limited {}
