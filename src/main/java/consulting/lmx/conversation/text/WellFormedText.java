package consulting.lmx.conversation.text;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Requires a string that can be stored as UTF-8, that is not blank, and that has at most {@link #max()}
 * characters. Null passes; {@code @NotNull} rejects it.
 */
@Target({ElementType.FIELD, ElementType.PARAMETER, ElementType.RECORD_COMPONENT, ElementType.TYPE_USE})
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = WellFormedText.Validator.class)
public @interface WellFormedText {

    /** Maximum length in Unicode code points, which is how JSON Schema counts characters. */
    int max() default Integer.MAX_VALUE;

    String message() default "must be text";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    /** Reports the rule that is broken. */
    class Validator implements ConstraintValidator<WellFormedText, String> {

        private int max;

        @Override
        public void initialize(WellFormedText annotation) {
            max = annotation.max();
        }

        @Override
        public boolean isValid(String value, ConstraintValidatorContext context) {
            if (value == null) {
                return true;
            }
            if (Text.isBlank(value)) {
                return reject(context, "must not be blank");
            }
            if (Text.length(value) > max) {
                return reject(context, "must be at most " + max + " characters");
            }
            return Text.isWellFormed(value) || reject(context, "has an unpaired surrogate");
        }

        private static boolean reject(ConstraintValidatorContext context, String message) {
            context.disableDefaultConstraintViolation();
            context.buildConstraintViolationWithTemplate(message).addConstraintViolation();
            return false;
        }
    }
}
