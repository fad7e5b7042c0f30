package consulting.lmx.conversation.mongo;

import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import io.smallrye.mutiny.Uni;

/** Retries a change that reads a conversation first, and that another change can prevent. */
public final class Retry {

    private static final int ATTEMPTS = 5;

    private Retry() {}

    /** The conversation changed since it was read. */
    private static final class Outdated extends RuntimeException {}

    /** Repeats the change while it returns null. Fails with {@link ErrorCode#CONFLICT} after several attempts. */
    public static <T> Uni<T> whileOutdated(Uni<T> change) {
        return change.onItem()
                .ifNull()
                .failWith(Outdated::new)
                .onFailure(Outdated.class)
                .retry()
                .atMost(ATTEMPTS)
                .onFailure(Outdated.class)
                .transform(outdated -> changing());
    }

    /** The error after several attempts. */
    public static ServiceException changing() {
        return new ServiceException(
                ErrorCode.CONFLICT, "Others changed the conversation several times meanwhile. Try again.");
    }
}
