package consulting.lmx.conversation.security;

/** Roles that a token can have in its {@link RolesClaim}. */
public final class Roles {

    /** Permits to read the integrity report and to start a heal. */
    public static final String ADMIN = "admin";

    private Roles() {}
}
