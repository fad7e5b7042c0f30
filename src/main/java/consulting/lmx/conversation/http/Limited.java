package consulting.lmx.conversation.http;

import consulting.lmx.conversation.config.RequestConfig;
import jakarta.interceptor.InterceptorBinding;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Routes that are worked on by {@link RequestConfig#maxConcurrent()} at once, and answer within
 * {@link RequestConfig#timeout()}; of a stream it is the opening that is limited.
 */
@InterceptorBinding
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
public @interface Limited {}
