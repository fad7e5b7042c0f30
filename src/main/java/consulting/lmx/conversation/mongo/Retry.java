package consulting.lmx.conversation.mongo;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;
import java.util.function.Supplier;

/** Retries an operation that reads a conversation first, and that a concurrent change can prevent. */
public final class Retry {

    private static final int ATTEMPTS = 5;

    private Retry() {}

    /** The conversation changed since it was read. */
    public static final class Outdated extends RuntimeException {}

    /** Repeats the change while it returns null. Fails with {@link ErrorCode#CONFLICT} after several attempts. */
    public static <T> Uni<T> whileOutdated(Uni<T> change) {
        return whileOutdated(change.onItem().ifNull().failWith(Outdated::new), Retry::changing);
    }

    /** Repeats the operation while it fails with {@link Outdated}. Fails with {@code lastFailure} after several attempts. */
    public static <T> Uni<T> whileOutdated(Uni<T> operation, Supplier<ServiceException> lastFailure) {
        return operation
                .onFailure(Outdated.class)
                .retry()
                .atMost(ATTEMPTS)
                .onFailure(Outdated.class)
                .transform(outdated -> lastFailure.get());
    }

    /** The error after several attempts of a change. */
    public static ServiceException changing() {
        return new ServiceException(
                ErrorCode.CONFLICT, "Others changed the conversation several times meanwhile. Try again.");
    }
}
