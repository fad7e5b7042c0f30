package consulting.lmx.conversation.http;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.helpers.test.UniAssertSubscriber;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class MemoryBudgetTest {

    private static final int SIZE = 6_400;
    private static final int QUARTER = SIZE / 4;
    private static final int LARGEST = SIZE - SIZE / 8;
    private static final int SMALL = SIZE / 64;
    private static final Duration TIMEOUT = MemoryBudget.WAIT.plus(Duration.ofSeconds(5));
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final AtomicInteger lastResorts = new AtomicInteger();
    private final MemoryBudget budget = new MemoryBudget(SIZE, lastResorts::incrementAndGet, meters);

    private UniAssertSubscriber<Void> reserve(String caller, long bytes) {
        return reserve(new HeldMemory(budget, caller), bytes);
    }

    private static UniAssertSubscriber<Void> reserve(HeldMemory memory, long bytes) {
        return memory.reserve(bytes).subscribe().withSubscriber(UniAssertSubscriber.create());
    }

    private HeldMemory take(String caller, long bytes) {
        HeldMemory memory = new HeldMemory(budget, caller);
        reserve(memory, bytes).assertCompleted();
        return memory;
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
    void fittingReservationIsGrantedImmediately() {
        take("ann", QUARTER);
        take("ben", QUARTER);
        take("cy", QUARTER);
        take("dan", LARGEST - 3 * QUARTER);
        assertThat(held()).isEqualTo(LARGEST);
    }

    @Test
    void secondCloseDoesNothing() {
        take("ann", 1_000);
        HeldMemory twice = take("ann", 2_000);
        twice.close();
        twice.close();
        assertThat(held()).isEqualTo(1_000);
    }

    @Test
    void reservationWaitsForFreeMemory() {
        HeldMemory large = take("ann", 4_000);
        take("ben", 1_000);
        UniAssertSubscriber<Void> waiting = reserve("cy", 1_000);
        waiting.assertNotTerminated();
        large.close();
        waiting.assertCompleted();
        assertThat(held()).isEqualTo(2_000);
    }

    @Test
    void singleCallerLeavesAQuarterFree() {
        IntStream.range(0, 6).forEach(i -> take("ann", 800));
        reserve("ann", 800).assertNotTerminated();
        take("ben", 800);
    }

    @Test
    void callerBeyondTheirShareIsOvertaken() {
        HeldMemory first = take("ann", 4_000);
        HeldMemory second = take("ben", QUARTER);
        UniAssertSubscriber<Void> more = reserve("ann", 1_000);
        UniAssertSubscriber<Void> other = reserve("cy", 1_000);
        second.close();
        other.assertCompleted();
        more.assertNotTerminated();
        first.close();
        more.assertCompleted();
    }

    @Test
    void largeReservationsKeepTheirOrder() {
        HeldMemory some = take("ann", 4_000);
        UniAssertSubscriber<Void> large = reserve("ben", 3_000);
        UniAssertSubscriber<Void> next = reserve("cy", 1_000);
        large.assertNotTerminated();
        next.assertNotTerminated();
        some.close();
        large.assertCompleted();
        next.assertCompleted();
    }

    @Test
    void smallReservationOvertakesLargeOnes() {
        take("ann", LARGEST);
        reserve("ben", 1_000).assertNotTerminated();
        take("cy", SMALL);
        take("dan", SMALL);
        assertThat(held()).isEqualTo(LARGEST + 2 * SMALL);
    }

    @Test
    void reservationLargerThanTheBudgetIsGrantedAlone() {
        HeldMemory other = take("ann", 1_000);
        HeldMemory ben = new HeldMemory(budget, "ben");
        UniAssertSubscriber<Void> huge = reserve(ben, 10 * SIZE);
        huge.assertNotTerminated();
        other.close();
        huge.assertCompleted();
        reserve("ann", 1_000).assertNotTerminated();
        ben.close();
        assertThat(held()).isEqualTo(1_000);
    }

    @Test
    void timedOutReservationIsRejectedAndCounted() {
        take("ann", LARGEST);
        UniAssertSubscriber<Void> waiting = reserve("ben", 1_000);
        assertOverloaded(waiting.awaitFailure(TIMEOUT).getFailure());
        assertThat(meters.get("conversations.memory.rejected").counter().count())
                .isEqualTo(1);
    }

    @Test
    void excessWaitingReservationsAreRejected() {
        take("ann", LARGEST);
        for (int i = 0; i < MemoryBudget.MAX_WAITING; i++) {
            reserve("caller " + i, 1_000).assertNotTerminated();
        }
        assertOverloaded(reserve("ben", 1_000).getFailure());
    }

    @Test
    void waitingReservationsOfACallerAreLimited() {
        take("ann", LARGEST);
        for (int i = 0; i < MemoryBudget.MAX_WAITING_OF_A_CALLER; i++) {
            reserve("ben", 1_000).assertNotTerminated();
        }
        assertOverloaded(reserve("ben", 1_000).getFailure());
        reserve("cy", 1_000).assertNotTerminated();
    }

    @Test
    void largestHolderAmongSlowClientsIsRevokedFirst() {
        HeldMemory slow = take("ann", 2_000);
        HeldMemory slower = take("ann", 1_900);
        take("ben", QUARTER);
        List<HeldMemory> revoked = new ArrayList<>();
        slow.revocable(() -> revoke(revoked, slow));
        slower.revocable(() -> revoke(revoked, slower));
        UniAssertSubscriber<Void> waiting = reserve("cy", QUARTER);
        waiting.assertNotTerminated();
        waiting.awaitItem(TIMEOUT);
        assertThat(revoked).containsExactly(slow);
        assertThat(held()).isEqualTo(1_900 + 2 * QUARTER);
    }

    private static void revoke(List<HeldMemory> revoked, HeldMemory memory) {
        revoked.add(memory);
        memory.close();
    }

    @Test
    void revokedMemoryCountsUntilItsRequestEnds() {
        HeldMemory slow = take("ann", LARGEST);
        AtomicInteger revocations = new AtomicInteger();
        slow.revocable(revocations::incrementAndGet);
        reserve("ben", 1_000).awaitFailure(TIMEOUT);
        assertThat(revocations).hasValue(1);
        assertThat(held()).isEqualTo(LARGEST);
        slow.close();
        assertThat(held()).isZero();
    }

    @Test
    void fastClientIsNotRevoked() {
        HeldMemory all = take("ann", LARGEST);
        all.revocable(() -> {
            throw new AssertionError("it was taken back");
        });
        all.revocable(null);
        assertOverloaded(reserve("ben", 1_000).awaitFailure(TIMEOUT).getFailure());
        assertThat(held()).isEqualTo(LARGEST);
    }

    @Test
    void slowReaderIsTheLastResort() {
        take("ann", LARGEST);
        reserve("ben", 1_000).awaitFailure(TIMEOUT);
        assertThat(lastResorts).hasPositiveValue();
    }

    @Test
    void cancelledReservationHoldsNothing() {
        HeldMemory all = take("ann", LARGEST);
        UniAssertSubscriber<Void> large = reserve("ben", LARGEST);
        UniAssertSubscriber<Void> next = reserve("cy", 1_000);
        large.cancel();
        all.close();
        next.assertCompleted();
        assertThat(held()).isEqualTo(1_000);
    }

    @Test
    void closedMemoryHoldsNothing() {
        HeldMemory closed = take("ann", 1_000);
        closed.close();
        reserve(closed, 2_000).assertCompleted();
        assertThat(held()).isZero();
    }

    @Test
    void concurrentReservationsStayWithinTheBudget() {
        take("ann", 1).close(); // initializes Mutiny, which several threads at once cannot
        List<CompletableFuture<Void>> callers = IntStream.range(0, 8)
                .mapToObj(i -> CompletableFuture.runAsync(() -> {
                    for (int n = 0; n < 2_000; n++) {
                        HeldMemory some = new HeldMemory(budget, "caller " + i);
                        some.reserve(n % 40 * 50 + 1).await().indefinitely();
                        assertThat(held()).isLessThanOrEqualTo(SIZE);
                        some.close();
                    }
                }))
                .toList();
        callers.forEach(CompletableFuture::join);
        assertThat(held()).isZero();
    }
}
