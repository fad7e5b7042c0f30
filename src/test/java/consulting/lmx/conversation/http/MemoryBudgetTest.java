package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.error.ErrorCode;
import consulting.lmx.conversation.error.ServiceException;
import consulting.lmx.conversation.http.MemoryBudget.Reservation;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MemoryBudgetTest {

    private static final int SIZE = 100;

    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final MemoryBudget budget = new MemoryBudget(SIZE, () -> {}, meters);

    private UniAssertSubscriber<Reservation> reserve(String caller, long bytes) {
        return budget.reserve(caller, bytes).subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    private Reservation take(String caller, long bytes) {
        return reserve(caller, bytes).assertCompleted().getItem();
    }

    private double held() {
        return meters.get("conversations.memory.reserved").gauge().value();
    }

    private static void assertOverloaded(Throwable failure) {
        assertThat(failure)
                .isInstanceOfSatisfying(
                        ServiceException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OVERLOADED));
    }

    @Test
    void whatFitsIsGrantedAtOnce() {
        take("ann", 25);
        take("ben", 25);
        take("cy", 25);
        take("dan", 25);
        assertThat(held()).isEqualTo(SIZE);
    }

    @Test
    void closingTwiceGivesBackOnce() {
        take("ann", 10);
        Reservation twice = take("ann", 20);
        twice.close();
        twice.close();
        assertThat(held()).isEqualTo(10);
    }

    @Test
    void whatDoesNotFitWaitsUntilOthersGiveBack() {
        Reservation large = take("ann", 75);
        take("ben", 20);
        UniAssertSubscriber<Reservation> waiting = reserve("cy", 10);
        waiting.assertNotTerminated();
        large.close();
        waiting.assertCompleted();
        assertThat(held()).isEqualTo(30);
    }

    @Test
    void callerAloneLeavesAQuarterToOthers() {
        List<UniAssertSubscriber<Reservation>> ten =
                IntStream.range(0, 10).mapToObj(i -> reserve("ann", 10)).toList();
        assertThat(ten.stream().filter(one -> one.getItem() != null)).hasSize(7);
        take("ben", 25);
    }

    @Test
    void callerBeyondTheirShareIsOvertakenByThoseWithin() {
        Reservation first = take("ann", 70);
        Reservation second = take("ben", 25);
        UniAssertSubscriber<Reservation> more = reserve("ann", 10);
        UniAssertSubscriber<Reservation> other = reserve("cy", 20);
        second.close();
        other.assertCompleted();
        more.assertNotTerminated();
        first.close();
        more.assertCompleted();
    }

    @Test
    void largeReservationIsNotOvertakenForever() {
        Reservation some = take("ann", 60);
        UniAssertSubscriber<Reservation> large = reserve("ben", 50);
        UniAssertSubscriber<Reservation> small = reserve("cy", 10);
        large.assertNotTerminated();
        small.assertNotTerminated();
        some.close();
        large.assertCompleted();
        small.assertCompleted();
    }

    @Test
    void moreThanTheWholeBudgetIsGrantedAlone() {
        Reservation small = take("ann", 1);
        UniAssertSubscriber<Reservation> huge = reserve("ben", 10 * SIZE);
        huge.assertNotTerminated();
        small.close();
        huge.assertCompleted();
        reserve("ann", 1).assertNotTerminated();
        huge.getItem().close();
        assertThat(held()).isEqualTo(1);
    }

    @Test
    void waitEndsWithARejectionThatIsCounted() {
        take("ann", SIZE);
        UniAssertSubscriber<Reservation> waiting = reserve("ben", 1);
        assertOverloaded(waiting.awaitFailure(MemoryBudget.WAIT.plus(Duration.ofSeconds(5)))
                .getFailure());
        assertThat(meters.get("conversations.memory.rejected").counter().count())
                .isEqualTo(1);
    }

    @Test
    void tooManyThatWaitAreRejectedAtOnce() {
        take("ann", SIZE);
        for (int i = 0; i < MemoryBudget.MAX_WAITING; i++) {
            reserve("caller " + i, 1).assertNotTerminated();
        }
        assertOverloaded(reserve("ben", 1).getFailure());
    }

    @Test
    void callerTakesAQuarterOfThePlacesToWait() {
        take("ann", SIZE);
        for (int i = 0; i < MemoryBudget.MAX_WAITING / 4; i++) {
            reserve("ben", 1).assertNotTerminated();
        }
        assertOverloaded(reserve("ben", 1).getFailure());
        reserve("cy", 1).assertNotTerminated();
    }

    @Test
    void slowClientsLoseToThoseWhoWaitTheLargestHolderFirst() {
        Reservation slow = take("ann", 40);
        Reservation slower = take("ann", 30);
        take("ben", 25);
        List<Reservation> revoked = new ArrayList<>();
        slow.revocable(() -> revoke(revoked, slow));
        slower.revocable(() -> revoke(revoked, slower));
        UniAssertSubscriber<Reservation> waiting = reserve("cy", 25);
        waiting.assertNotTerminated();
        waiting.awaitItem(MemoryBudget.WAIT.plus(Duration.ofSeconds(5)));
        assertThat(revoked).containsExactly(slow);
        assertThat(held()).isEqualTo(80);
    }

    private static void revoke(List<Reservation> revoked, Reservation reservation) {
        revoked.add(reservation);
        reservation.close();
    }

    @Test
    void clientThatIsNoLongerSlowLosesNothing() {
        Reservation all = take("ann", SIZE);
        all.revocable(() -> {
            throw new AssertionError("it was taken back");
        });
        all.revocable(null);
        assertOverloaded(reserve("ben", 1)
                .awaitFailure(MemoryBudget.WAIT.plus(Duration.ofSeconds(5)))
                .getFailure());
        assertThat(held()).isEqualTo(SIZE);
    }

    @Test
    void waitThatIsCancelledHoldsNothing() {
        Reservation all = take("ann", SIZE);
        UniAssertSubscriber<Reservation> large = reserve("ben", SIZE);
        UniAssertSubscriber<Reservation> small = reserve("cy", 1);
        large.cancel();
        all.close();
        small.assertCompleted();
        assertThat(held()).isEqualTo(1);
    }

    @Test
    void manyAtOnceNeverHoldMoreThanTheBudget() {
        List<CompletableFuture<Void>> callers = IntStream.range(0, 8)
                .mapToObj(i -> CompletableFuture.runAsync(() -> {
                    for (int n = 0; n < 2_000; n++) {
                        Reservation some = budget.reserve("caller " + i, n % 40 + 1)
                                .await()
                                .indefinitely();
                        assertThat(held()).isLessThanOrEqualTo(SIZE);
                        some.close();
                    }
                }))
                .toList();
        callers.forEach(CompletableFuture::join);
        assertThat(held()).isZero();
    }
}
