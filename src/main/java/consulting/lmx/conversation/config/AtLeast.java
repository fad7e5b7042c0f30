package consulting.lmx.conversation.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The least that a setting of a {@code @ConfigMapping} may be: a whole number, a duration, or a size in bytes. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface AtLeast {

    /** As it would be written in a setting: {@code 1}, {@code 0.1S}, {@code 8K}. */
    String value();

    /** What would come of less, and what to do about it. */
    String or();
}
