package consulting.lmx.conversation.cli;

/** How a command ends. */
public final class ExitCode {

    /** The invariant holds. */
    public static final int HOLDS = 0;

    /** It does not (verify, dry run). */
    public static final int BROKEN = 1;

    /** The command was not understood. */
    public static final int USAGE = 2;

    /** The database could not be reached. */
    public static final int UNREACHABLE = 3;

    /** A failure half way; it is safe to run the command again. */
    public static final int FAILED = 4;

    private ExitCode() {}
}
