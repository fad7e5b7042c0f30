package consulting.lmx.conversation.mongo;

import com.mongodb.client.model.Collation;

/** The collation of all comparisons of strings. */
public final class Collations {

    /**
     * Compares bytes, whatever the default of the collection is. Every operation and every index that compares strings names it:
     * under another collation, different IDs may be equal.
     */
    public static final Collation SIMPLE = Collation.builder().locale("simple").build();

    private Collations() {}
}
