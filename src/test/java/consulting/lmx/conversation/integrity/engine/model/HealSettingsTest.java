package consulting.lmx.conversation.integrity.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HealSettingsTest {

    @ParameterizedTest
    @CsvSource({"2000, , 2000", "2000, 100000, 2000", "2000, 1000, 250", "20, 200, 20", "2000, 3, 1", "1, 1, 1"})
    void batchSizeIsLimitedToAQuarterSecondOfTheRate(int asked, Integer maxRate, int batch) {
        OptionalInt rate = maxRate == null ? OptionalInt.empty() : OptionalInt.of(maxRate);
        assertThat(new HealSettings(Optional.empty(), false, asked, rate, false, Optional.empty()).batchSize())
                .isEqualTo(batch);
    }
}
