package consulting.lmx.conversation.mongo;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.MongoConnectionPoolClearedException;
import com.mongodb.MongoCursorNotFoundException;
import com.mongodb.MongoException;
import com.mongodb.MongoExecutionTimeoutException;
import com.mongodb.MongoInterruptedException;
import com.mongodb.MongoNodeIsRecoveringException;
import com.mongodb.MongoNotPrimaryException;
import com.mongodb.MongoSecurityException;
import com.mongodb.MongoServerUnavailableException;
import com.mongodb.MongoSocketException;
import com.mongodb.MongoTimeoutException;
import com.mongodb.MongoWriteConcernException;
import com.mongodb.WriteError;
import com.mongodb.bulk.WriteConcernError;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;

/** Sorts the failures of the driver. Codes are looked at, never texts: servers differ in those. */
public final class DriverFailure {

    private static final int DUPLICATE_KEY = 11000;
    private static final int UNAUTHORIZED = 13;

    /**
     * After which the same call may succeed a little later. Their names are those of the server's {@code error_codes.yml}; of
     * the first line, the list is that of the drivers' specification of retryable reads and writes.
     */
    private static final int[] TRY_AGAIN = {
        6,
        7,
        89,
        91,
        134,
        189,
        262,
        9001,
        10107,
        11600,
        11602,
        13435,
        13436,
        // LegacyNotPrimary, and what else has the category RetriableError
        10058,
        358,
        402,
        406,
        407,
        412,
        453,
        50915,
        91331,
        10045600,
        // SystemOverloadedError: AdmissionQueueOverflow, RateLimitExceeded and others; TemporarilyUnavailable
        433,
        449,
        450,
        462,
        365,
        // time-outs: LockTimeout, MaxTimeMSExpired, WriteConcernTimeout, NetworkInterfaceExceededTimeLimit, a
        // transaction's
        24,
        50,
        64,
        202,
        290,
        // interruptions: CursorNotFound, WriteConflict, QueryPlanKilled, CursorKilled, Interrupted, ClientMarkedKilled
        43,
        112,
        175,
        237,
        11601,
        46841,
        // a router that has to look again: StaleEpoch, StaleDbVersion, StaleConfig, FailedToSatisfyReadPreference
        150,
        249,
        13388,
        133,
        // hosted servers: Atlas's own limits, Cosmos DB's request rate
        8000,
        16500
    };

    /** The drivers' specifications of transactions, retryable writes and client backpressure. */
    private static final Set<String> TRY_AGAIN_LABELS = Set.of(
            "TransientTransactionError",
            "RetryableWriteError",
            "NoWritesPerformed",
            "SystemOverloadedError",
            "RetryableError");

    /** {@code CommandNotFound}, {@code CommandNotSupported} and {@code NotImplemented}: servers differ in which they use. */
    private static final int[] UNKNOWN_COMMAND = {59, 115, 238};

    /** Of a document: before it is stored, and as an update would leave it. */
    private static final int[] TOO_LARGE = {10334, 17419, 17420};

    /**
     * Documents nested too deeply, and up to 4.4 names of fields that begin with a dollar sign, hold a dot or are empty, and
     * DBRefs without their parts.
     */
    private static final int[] UNSTORABLE = {15, 52, 55, 56, 57};

    private DriverFailure() {}

    /** Whether a unique index refused the write. */
    public static boolean isDuplicateKey(Throwable failure) {
        return hasCode(failure, DUPLICATE_KEY);
    }

    /** Whether unique indexes refused some of the writes, and everything else of them is done and acknowledged. */
    public static boolean isDuplicateKeyAlone(Throwable failure) {
        return failure instanceof MongoBulkWriteException bulk
                && bulk.getWriteConcernError() == null
                && bulk.getWriteErrors().stream().allMatch(DriverFailure::isDuplicateKey);
    }

    /** Whether the document would have become larger than the server takes. */
    public static boolean isTooLarge(Throwable failure) {
        return hasCode(failure, TOO_LARGE);
    }

    /** Whether the document of this write of several would have become larger than the server takes. */
    public static boolean isTooLarge(WriteError error) {
        return isOneOf(error.getCode(), TOO_LARGE);
    }

    /** Whether the server does not store a field that this write of several would have made, though it may hold such ones. */
    public static boolean isUnstorable(WriteError error) {
        return isOneOf(error.getCode(), UNSTORABLE);
    }

    /** Whether a unique index refused this write of several. */
    public static boolean isDuplicateKey(WriteError error) {
        return error.getCode() == DUPLICATE_KEY;
    }

    /** Whether the user of the connection lacks a privilege. */
    public static boolean isDenied(Throwable failure) {
        return hasCode(failure, UNAUTHORIZED);
    }

    /** Whether the server does not have the command. */
    public static boolean isUnknownCommand(Throwable failure) {
        return hasCode(failure, UNKNOWN_COMMAND);
    }

    /**
     * What to do if the user lacks a privilege, or the TLS handshake failed; empty for other failures. The driver keeps what
     * was thrown meanwhile only in the text of its timeout, by the names of the classes, which are the JDK's.
     */
    public static String remedy(Throwable failure) {
        if (isDenied(failure)) {
            return " The user of the connection lacks this privilege: docs/operations.md names those that each task needs.";
        }
        return failure.getMessage() != null && failure.getMessage().contains("SSLHandshakeException")
                ? " The TLS handshake failed. Where the server's certificate was refused, give the file of its authority as"
                        + " QUARKUS_TLS_MONGODB_TRUST_STORE_PEM_CERTS with QUARKUS_MONGODB_TLS_CONFIGURATION_NAME=mongodb, and"
                        + " name the host in MONGODB_URI as that certificate does."
                : "";
    }

    /**
     * Whether the server refused what was sent with one of {@code codes}. A write that it carried out without the write
     * concern was not refused.
     */
    public static boolean hasCode(Throwable failure, int... codes) {
        if (failure instanceof MongoWriteConcernException) {
            return false;
        }
        if (failure instanceof MongoBulkWriteException bulk) {
            return bulk.getWriteErrors().stream().anyMatch(error -> isOneOf(error.getCode(), codes));
        }
        return failure instanceof MongoException exception && isOneOf(exception.getCode(), codes);
    }

    private static boolean isOneOf(int code, int... codes) {
        return Arrays.stream(codes).anyMatch(one -> one == code);
    }

    /** Whether the server could not be reached or not answer in time, so that the same call may succeed a little later. */
    public static boolean isUnavailable(Throwable failure) {
        if (failure instanceof MongoSecurityException refused) { // wraps whatever went wrong while it authenticated
            return isUnavailable(refused.getCause());
        }
        return failure instanceof MongoException exception
                && (isUnavailableByClass(exception)
                        || TRY_AGAIN_LABELS.stream().anyMatch(exception::hasErrorLabel)
                        || hasCode(exception, TRY_AGAIN)
                        || writeConcernError(exception)
                                .filter(code -> isOneOf(code, TRY_AGAIN))
                                .isPresent());
    }

    /** What the driver says itself, without an answer of the server or by the text of an old one that has no code. */
    private static boolean isUnavailableByClass(MongoException failure) {
        return failure instanceof MongoTimeoutException
                || failure instanceof MongoExecutionTimeoutException
                || failure instanceof MongoSocketException
                || failure instanceof MongoNotPrimaryException
                || failure instanceof MongoNodeIsRecoveringException
                || failure instanceof MongoConnectionPoolClearedException
                || failure instanceof MongoServerUnavailableException
                || failure instanceof MongoInterruptedException
                || failure instanceof MongoCursorNotFoundException;
    }

    /** The code of why a write that was carried out was not acknowledged. */
    private static Optional<Integer> writeConcernError(MongoException failure) {
        if (failure instanceof MongoWriteConcernException unacknowledged) {
            return Optional.of(unacknowledged.getCode());
        }
        return failure instanceof MongoBulkWriteException bulk
                ? Optional.ofNullable(bulk.getWriteConcernError()).map(WriteConcernError::getCode)
                : Optional.empty();
    }
}
