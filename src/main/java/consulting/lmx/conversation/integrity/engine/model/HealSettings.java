package consulting.lmx.conversation.integrity.engine.model;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The settings of a run.
 *
 * @param validatorMode the mode of the database's validator; empty if no setting names one
 * @param keepUnset whether an existing validator and TTL index stay as they are if no setting names them
 * @param batchSize documents in a batch; the record lowers it to what the rate allows in a quarter of a second
 * @param maxRate documents a second; empty for no limit
 * @param recreateIndex whether to build the unique indexes again even if they are as declared
 * @param deletionFile the file to which documents with a missing, null or blank key are written before they are deleted;
 *     empty to repair them instead
 */
public record HealSettings(
        Optional<ValidatorMode> validatorMode,
        boolean keepUnset,
        int batchSize,
        OptionalInt maxRate,
        boolean recreateIndex,
        Optional<Path> deletionFile) {

    private static final int BATCHES_A_SECOND = 4;

    public HealSettings {
        batchSize = Math.min(batchSize, Math.max(1, maxRate.orElse(Integer.MAX_VALUE) / BATCHES_A_SECOND));
    }

    /** The settings of the service: an unset validator mode or TTL means the default. */
    public static HealSettings of(Optional<ValidatorMode> validatorMode, int batchSize, OptionalInt maxRate) {
        return new HealSettings(validatorMode, false, batchSize, maxRate, false, Optional.empty());
    }
}
