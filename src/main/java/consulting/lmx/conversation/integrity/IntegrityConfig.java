package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.config.AtLeast;
import consulting.lmx.conversation.config.AtMost;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;
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
     * {@code warn} lets them pass and logs them at the server, while old writers still run; {@code off} removes it. Without it
     * the service enforces, unless another program's validator only warns, and a command leaves a validator as it is.
     */
    Optional<ValidatorMode> validator();

    /** How many documents are repaired by one batch; under a {@link #maxRate()}, no more than it allows in a quarter of a second. */
    @WithDefault("2000")
    @AtLeast(value = "1", or = "nothing would be repaired: raise it")
    @AtMost(value = "10000", or = "one batch would be more than one command may hold: lower it")
    int batchSize();

    /** How many documents a second are repaired or deleted at most; as fast as the server bears where it is not set. */
    @AtLeast(value = "1", or = "nothing would be repaired: raise it, or remove it for as fast as the server bears")
    OptionalInt maxRate();

    /** How long after a failure the first retry waits; each further one waits twice as long, up to {@link #retryMax()}. */
    @WithDefault("1S")
    @AtLeast(value = "0.1S", or = "a database in trouble would be asked without a pause: set it to about a second")
    @AtMost(value = "10M", or = "the service would stay shut for so long after a failure: lower it")
    Duration retryMin();

    /** The longest wait between two retries. */
    @WithDefault("30S")
    @AtLeast(value = "0.1S", or = "a database in trouble would be asked without a pause: set it to some seconds")
    @AtMost(value = "1H", or = "the service would stay shut for so long after a failure: lower it")
    Duration retryMax();

    /** What is done at start. */
    enum Mode {
        REPAIR,
        VERIFY,
        OFF
    }
}
