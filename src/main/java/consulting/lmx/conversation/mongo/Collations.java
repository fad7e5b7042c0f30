package consulting.lmx.conversation.mongo;

import com.mongodb.client.model.Collation;

/** How strings are compared. */
public final class Collations {

    /**
     * Byte by byte, whatever the default of the collection is. Each operation and each index that compares strings names it:
     * under another collation two different ids may be equal.
     */
    public static final Collation SIMPLE = Collation.builder().locale("simple").build();

    private Collations() {}
}
