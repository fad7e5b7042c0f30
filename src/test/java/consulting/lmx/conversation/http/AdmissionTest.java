package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class AdmissionTest {

    private static final int PLACES = 20;
    private static final int QUARTER = PLACES / 4;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final Admission admission = admission(PLACES);

    private Admission admission(int places) {
        return new Admission(
                new RequestConfig() {
                    @Override
                    public Duration timeout() {
                        return Duration.ofSeconds(5);
                    }

                    @Override
                    public int maxConcurrent() {
                        return places;
                    }
                },
                meters);
    }

    private void enter(String caller, int calls) {
        for (int i = 0; i < calls; i++) {
            admission.enter(caller);
        }
    }

    private static void assertRejected(Admission admission, String caller) {
        assertThatThrownBy(() -> admission.enter(caller))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED));
    }

    private double working() {
        return meters.get("conversations.requests.working").gauge().value();
    }

    @Test
    void callerAloneLeavesAQuarterOfThePlacesToOthers() {
        enter("ann", PLACES - QUARTER);
        assertRejected(admission, "ann");
        enter("ben", QUARTER);
        assertRejected(admission, "ben");
        assertThat(working()).isEqualTo(PLACES);
    }

    @Test
    void callersWithinTheirShareTakeAllPlaces() {
        enter("ann", QUARTER);
        enter("ben", QUARTER);
        enter("cy", QUARTER);
        enter("dan", QUARTER);
        assertRejected(admission, "eve");
    }

    @Test
    void placeThatIsGivenBackIsTakenAgain() {
        enter("ann", PLACES - QUARTER);
        enter("ben", QUARTER);
        admission.leave("ann");
        assertRejected(admission, "ann");
        enter("cy", 1);
    }

    @Test
    void callerTakesAllOfSoFewPlacesThatAQuarterIsNone() {
        Admission few = admission(3);
        few.enter("ann");
        few.enter("ann");
        few.enter("ann");
        assertRejected(few, "ben");
    }

    @Test
    void rejectionsAreCounted() {
        enter("ann", PLACES - QUARTER);
        assertRejected(admission, "ann");
        assertThat(meters.get("conversations.requests.refused").counter().count())
                .isEqualTo(1);
    }
}
