package consulting.lmx.conversation.cli;

/** The exit codes of the commands. */
public final class ExitCode {

    /** The invariant holds. */
    public static final int HOLDS = 0;

    /** The invariant does not hold, as a verify or a dry run found. */
    public static final int BROKEN = 1;

    /** The arguments or settings are wrong. */
    public static final int USAGE = 2;

    /** The database could not be reached. */
    public static final int UNREACHABLE = 3;

    /** The command failed halfway; it is safe to run it again. */
    public static final int FAILED = 4;

    private ExitCode() {}
}
