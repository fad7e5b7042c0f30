package consulting.lmx.conversation.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The lower bound of a setting: a number, a duration, or a size in bytes. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface AtLeast {

    /** The bound as a setting has it: {@code 1}, {@code 0.1S}, {@code 8K}. */
    String value();

    /** The consequence of a lower value, and the remedy. */
    String or();
}
