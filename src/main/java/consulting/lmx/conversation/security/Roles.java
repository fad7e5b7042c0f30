package consulting.lmx.conversation.security;

/** The roles that a token may name in its {@link RolesClaim}. */
public final class Roles {

    /** May see the state of the invariant and ask for a heal. */
    public static final String ADMIN = "admin";

    private Roles() {}
}
