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
 * A string that can be stored as UTF-8, is not blank unless {@link #blank()}, and not longer than {@link #max()}. Null is left
 * to {@code @NotNull}.
 */
@Target({ElementType.FIELD, ElementType.PARAMETER, ElementType.RECORD_COMPONENT, ElementType.TYPE_USE})
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = WellFormedText.Validator.class)
public @interface WellFormedText {

    /** Whether a blank string passes. */
    boolean blank() default false;

    /** How many characters it may have: code points of Unicode, which is what JSON Schema counts. */
    int max() default Integer.MAX_VALUE;

    String message() default "must be text";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    /** Tells which of the rules was broken. */
    class Validator implements ConstraintValidator<WellFormedText, String> {

        private boolean mayBeBlank;
        private int max;

        @Override
        public void initialize(WellFormedText annotation) {
            mayBeBlank = annotation.blank();
            max = annotation.max();
        }

        @Override
        public boolean isValid(String value, ConstraintValidatorContext context) {
            if (value == null) {
                return true;
            }
            if (!mayBeBlank && Text.isBlank(value)) {
                return refuse(context, "must not be blank");
            }
            if (Text.length(value) > max) {
                return refuse(context, "must be at most " + max + " characters");
            }
            return Text.isWellFormed(value) || refuse(context, "has a surrogate without its other half");
        }

        private static boolean refuse(ConstraintValidatorContext context, String message) {
            context.disableDefaultConstraintViolation();
            context.buildConstraintViolationWithTemplate(message).addConstraintViolation();
            return false;
        }
    }
}
