package consulting.lmx.conversation.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The bounds of a setting, which are themselves valid: numbers, durations such as {@code 0.1S}, or sizes such as {@code 8K}. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface Bounds {

    String min();

    /** Empty if there is no upper bound. */
    String max() default "";
}
