package consulting.lmx.conversation.text;

import jakarta.validation.Constraint;
import jakarta.validation.ConstraintValidator;
import jakarta.validation.ConstraintValidatorContext;
import jakarta.validation.Payload;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** A string that can be stored as UTF-8 and, unless {@link #blank()}, is not blank. Null is left to {@code @NotNull}. */
@Target({ElementType.FIELD, ElementType.PARAMETER, ElementType.RECORD_COMPONENT, ElementType.TYPE_USE})
@Retention(RetentionPolicy.RUNTIME)
@Constraint(validatedBy = WellFormedText.Validator.class)
public @interface WellFormedText {

    /** Whether a blank string passes. */
    boolean blank() default false;

    String message() default "must be text";

    Class<?>[] groups() default {};

    Class<? extends Payload>[] payload() default {};

    /** Tells which of the two rules was broken. */
    class Validator implements ConstraintValidator<WellFormedText, String> {

        private boolean mayBeBlank;

        @Override
        public void initialize(WellFormedText annotation) {
            mayBeBlank = annotation.blank();
        }

        @Override
        public boolean isValid(String value, ConstraintValidatorContext context) {
            if (value == null) {
                return true;
            }
            if (!mayBeBlank && Text.isBlank(value)) {
                return refuse(context, "must not be blank");
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
