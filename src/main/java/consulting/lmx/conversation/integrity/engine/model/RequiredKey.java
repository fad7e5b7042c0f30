package consulting.lmx.conversation.integrity.engine.model;

import java.util.function.Supplier;

/**
 * A field that every document must have: a string that is not blank and that no other document has.
 *
 * @param field its stored name
 * @param repairField where a repair is recorded: {@code {reason, was, at, run}}
 * @param maker makes a new value that no document has
 */
public record RequiredKey(String field, String repairField, Supplier<String> maker) {}
