package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.integrity.engine.model.IntegrityException;
import org.junit.jupiter.api.Test;

class IntegrityServiceTest {

    @Test
    void reasonIsTheMessageOfAnIntegrityExceptionAndNamesOtherTypes() {
        assertThat(IntegrityService.reasonOf(new IntegrityException("Stop the old writers.")))
                .isEqualTo("Stop the old writers.");
        assertThat(IntegrityService.reasonOf(new IllegalStateException("no server")))
                .isEqualTo("IllegalStateException: no server");
    }
}
