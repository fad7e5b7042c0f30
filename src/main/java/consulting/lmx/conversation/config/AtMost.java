package consulting.lmx.conversation.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The upper bound of a setting: a number, a duration, or a size in bytes. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface AtMost {

    /** The bound as a setting has it: {@code 100}, {@code 24H}, {@code 1M}. */
    String value();

    /** The consequence of a higher value, and the remedy. */
    String or();
}
