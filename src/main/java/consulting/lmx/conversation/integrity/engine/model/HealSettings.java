package consulting.lmx.conversation.integrity.engine.model;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a run works.
 *
 * @param force of the database's validator, if a setting names one
 * @param leavesUnset whether a validator and an index of expiry that are there stay as they are if no setting names them
 * @param batchSize documents a batch, and no more than what the rate allows in a quarter of a second
 * @param maxRate documents a second at most; empty for as fast as the server bears
 * @param recreateIndex whether the unique indexes are made anew even where they stand as declared
 * @param deleteBrokenTo where documents whose key is missing, null or blank are written before they are deleted; empty
 *     where they are repaired
 */
public record HealSettings(
        Optional<ValidatorMode> force,
        boolean leavesUnset,
        int batchSize,
        OptionalInt maxRate,
        boolean recreateIndex,
        Optional<Path> deleteBrokenTo) {

    private static final int BATCHES_A_SECOND = 4;

    public HealSettings {
        batchSize = Math.min(batchSize, Math.max(1, maxRate.orElse(Integer.MAX_VALUE) / BATCHES_A_SECOND));
    }

    /** Of the service, whose settings say all: what they do not name is not wanted, or as it is by default. */
    public static HealSettings of(Optional<ValidatorMode> force, int batchSize, OptionalInt maxRate) {
        return new HealSettings(force, false, batchSize, maxRate, false, Optional.empty());
    }
}
