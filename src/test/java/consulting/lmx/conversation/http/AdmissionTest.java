package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import consulting.lmx.conversation.config.RequestConfig;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdmissionTest {

    private static final int PLACES = 100;

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

    private static void assertRejected(Admission admission, String caller) {
        assertThatThrownBy(() -> admission.enter(caller))
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED));
    }

    private double active() {
        return meters.get("conversations.requests.active").gauge().value();
    }

    private int enterUntilRejected(String caller) {
        int calls = 0;
        try {
            while (true) {
                admission.enter(caller);
                calls++;
            }
        } catch (ServiceException full) {
            return calls;
        }
    }

    @Test
    void singleCallerLeavesAQuarterOfThePlacesFree() {
        assertThat(enterUntilRejected("ann")).isEqualTo(PLACES * 3 / 4);
        assertThat(active()).isEqualTo(PLACES * 3 / 4);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 6, 20})
    void nextCallerFindsAPlaceBesideGreedyCallers(int callers) {
        for (int round = 0; round < PLACES; round++) {
            for (int i = 0; i < callers; i++) {
                tryToEnter("greedy " + i);
            }
        }
        admission.enter("ann");
    }

    @Test
    void oneOfFourCallersHoldsAtMostAQuarter() {
        for (int round = 0; round < PLACES; round++) {
            List.of("ann", "ben", "cy").forEach(this::tryToEnter);
        }
        assertThat(enterUntilRejected("dan")).isLessThanOrEqualTo(PLACES / 4);
    }

    private void tryToEnter(String caller) {
        try {
            admission.enter(caller);
        } catch (ServiceException full) {
            assertThat(full.code()).isEqualTo(ErrorCode.OVERLOADED);
        }
    }

    @Test
    void returnedPlaceIsReused() {
        int taken = enterUntilRejected("ann");
        assertRejected(admission, "ann");
        for (int i = 0; i < taken; i++) {
            admission.leave("ann");
        }
        assertThat(active()).isZero();
        assertThat(enterUntilRejected("ann")).isEqualTo(taken);
    }

    @Test
    void singleCallerMayHoldBothOfTwoPlaces() {
        Admission few = admission(2);
        few.enter("ann");
        few.enter("ann");
        assertRejected(few, "ben");
    }

    @Test
    void rejectionsAreCounted() {
        enterUntilRejected("ann");
        assertThat(meters.get("conversations.requests.rejected").counter().count())
                .isEqualTo(1);
    }
}
