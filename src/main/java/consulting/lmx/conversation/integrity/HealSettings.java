package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.IntegrityConfig.Force;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a run works.
 *
 * @param force of the database's validator
 * @param batchSize documents a batch, and no more than what the rate allows in a quarter of a second
 * @param maxRate documents a second at most; empty for as fast as the server bears
 * @param recreateIndex whether the unique indexes are made anew even where they stand as declared
 * @param deleteBrokenTo where documents whose key is missing, null or blank are written before they are deleted; empty
 *     where they are repaired
 */
record HealSettings(
        Force force, int batchSize, OptionalInt maxRate, boolean recreateIndex, Optional<Path> deleteBrokenTo) {

    private static final int BATCHES_A_SECOND = 4;

    HealSettings {
        batchSize = Math.min(batchSize, Math.max(1, maxRate.orElse(Integer.MAX_VALUE) / BATCHES_A_SECOND));
    }

    static HealSettings of(IntegrityConfig config) {
        return new HealSettings(config.validator(), config.batchSize(), config.maxRate(), false, Optional.empty());
    }
}
