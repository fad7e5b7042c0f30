package consulting.lmx.conversation.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The most that a setting of a {@code @ConfigMapping} may be: a whole number, a duration, or a size in bytes. */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
public @interface AtMost {

    /** As it would be written in a setting: {@code 100}, {@code 24H}, {@code 1M}. */
    String value();

    /** What would come of more, and what to do about it. */
    String or();
}
