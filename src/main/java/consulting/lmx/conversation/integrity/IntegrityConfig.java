package consulting.lmx.conversation.integrity;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import java.time.Duration;
import java.util.OptionalInt;

/** How the invariant is held in the database. */
@ConfigMapping(prefix = "conversations.integrity")
public interface IntegrityConfig {

    /**
     * What is done at start before the first request is served: {@code repair} heals what is broken; {@code verify} writes
     * nothing and stays shut while anything is broken; {@code off} checks nothing and opens at once.
     */
    @WithDefault("repair")
    Mode onStart();

    /**
     * The force of the database's validator: {@code enforce} refuses other programs' writes that break the invariant;
     * {@code warn} lets them pass and logs them at the server, while old writers still run; {@code off} removes it.
     */
    @WithDefault("enforce")
    Force validator();

    /** How many documents are repaired by one batch. */
    @WithDefault("300")
    @Min(1)
    @Max(10_000)
    int batchSize();

    /** How many documents a second are repaired at most; as fast as the server bears where it is not set. */
    OptionalInt maxRate();

    /** How long after a failure the first retry waits; each further one waits twice as long, up to {@link #retryMax()}. */
    @WithDefault("1S")
    Duration retryMin();

    /** The longest wait between two retries. */
    @WithDefault("30S")
    Duration retryMax();

    /** What is done at start. */
    enum Mode {
        REPAIR,
        VERIFY,
        OFF
    }

    /** The force of the validator. */
    enum Force {
        ENFORCE,
        WARN,
        OFF
    }
}
