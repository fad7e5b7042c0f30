package consulting.lmx.conversation.security;

/** The roles that a token's {@code groups} may name. */
public final class Roles {

    /** May see the state of the invariant and ask for a heal. */
    public static final String ADMIN = "admin";

    private Roles() {}
}
