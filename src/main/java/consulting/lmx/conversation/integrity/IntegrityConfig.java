package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.config.Bounds;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.util.Optional;
import java.util.OptionalInt;

/** How the service enforces the invariant in the database. */
@ConfigMapping(prefix = "conversations.integrity")
public interface IntegrityConfig {

    /**
     * What happens at start, before the first request: {@code repair} heals what is broken; {@code verify} writes nothing and
     * keeps the service closed while anything is broken; {@code off} checks nothing and opens at once.
     */
    @WithDefault("repair")
    Mode onStart();

    /**
     * The mode of the database's validator: {@code enforce} rejects other programs' writes that break the invariant;
     * {@code warn} accepts and logs them, for while old writers still run; {@code off} removes the validator. Without this
     * setting, the service enforces, unless another program's validator is there and only warns. A command then leaves an
     * existing validator as it is.
     */
    Optional<ValidatorMode> validator();

    /** Documents in a batch; with a {@link #maxRate()}, at most what it allows in a quarter of a second. */
    @WithDefault("2000")
    @Bounds(min = "1", max = "10000")
    int batchSize();

    /** How many documents a heal repairs or deletes per second. Without it there is no limit. */
    @Bounds(min = "1")
    OptionalInt maxRate();

    /** What happens at start. */
    enum Mode {
        REPAIR,
        VERIFY,
        OFF
    }
}
