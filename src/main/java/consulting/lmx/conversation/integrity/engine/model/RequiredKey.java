package consulting.lmx.conversation.integrity.engine.model;

import java.util.function.Supplier;

/**
 * A field that every document must have: a string that is not blank and is unique in the collection.
 *
 * @param field its stored name
 * @param repairField the field of the repair record: {@code {reason, was, at, run}}
 * @param generator generates a value that no document has
 */
public record RequiredKey(String field, String repairField, Supplier<String> generator) {}
