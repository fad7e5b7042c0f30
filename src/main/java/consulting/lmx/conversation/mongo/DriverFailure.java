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

/** Classifies failures of the driver by code, never by text: servers differ in texts. */
public final class DriverFailure {

    private static final int DUPLICATE_KEY = 11000;
    private static final int UNAUTHORIZED = 13;

    /**
     * Codes after which the same call may succeed later, named as in the server's {@code error_codes.yml}. The first group is
     * the list of the drivers' specification of retryable reads and writes.
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
        // LegacyNotPrimary, and other codes of the category RetriableError
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
        // timeouts: LockTimeout, MaxTimeMSExpired, WriteConcernTimeout, NetworkInterfaceExceededTimeLimit, and the
        // timeout of a transaction
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
        // routers with outdated metadata: StaleEpoch, StaleDbVersion, StaleConfig, FailedToSatisfyReadPreference
        150,
        249,
        13388,
        133,
        // hosted servers: limits of Atlas, request rate of Cosmos DB
        8000,
        16500
    };

    /** Labels of the drivers' specifications of transactions, retryable writes and client backpressure. */
    private static final Set<String> TRY_AGAIN_LABELS = Set.of(
            "TransientTransactionError",
            "RetryableWriteError",
            "NoWritesPerformed",
            "SystemOverloadedError",
            "RetryableError");

    /** {@code CommandNotFound}, {@code CommandNotSupported} and {@code NotImplemented}: servers use different ones. */
    private static final int[] UNKNOWN_COMMAND = {59, 115, 238};

    /** Codes for documents that are too large, at an insert and after an update. */
    private static final int[] TOO_LARGE = {10334, 17419, 17420};

    /**
     * Codes for documents that are nested too deeply. Up to MongoDB 4.4 also for field names that are empty, begin with a dollar
     * sign or contain a dot, and for incomplete DBRefs.
     */
    private static final int[] UNSTORABLE = {15, 52, 55, 56, 57};

    private DriverFailure() {}

    /** Whether a unique index rejected the write. */
    public static boolean isDuplicateKey(Throwable failure) {
        return hasCode(failure, DUPLICATE_KEY);
    }

    /** Whether unique indexes rejected some writes of a bulk, and all other writes are acknowledged. */
    public static boolean isDuplicateKeyAlone(Throwable failure) {
        return failure instanceof MongoBulkWriteException bulk
                && bulk.getWriteConcernError() == null
                && bulk.getWriteErrors().stream().allMatch(DriverFailure::isDuplicateKey);
    }

    /** Whether the document would exceed the maximum size of a document. */
    public static boolean isTooLarge(Throwable failure) {
        return hasCode(failure, TOO_LARGE);
    }

    /** Whether the document of this write of a bulk would exceed the maximum size of a document. */
    public static boolean isTooLarge(WriteError error) {
        return isOneOf(error.getCode(), TOO_LARGE);
    }

    /** Whether the server rejects a field of this write of a bulk, although stored documents may have such fields. */
    public static boolean isUnstorable(WriteError error) {
        return isOneOf(error.getCode(), UNSTORABLE);
    }

    /** Whether a unique index rejected this write of a bulk. */
    public static boolean isDuplicateKey(WriteError error) {
        return error.getCode() == DUPLICATE_KEY;
    }

    /** Whether the database user lacks a privilege. */
    public static boolean isDenied(Throwable failure) {
        return hasCode(failure, UNAUTHORIZED);
    }

    /** Whether the server does not know the command. */
    public static boolean isUnknownCommand(Throwable failure) {
        return hasCode(failure, UNKNOWN_COMMAND);
    }

    /**
     * What the operator can do if the user lacks a privilege or the TLS handshake failed; empty for other failures. The driver
     * keeps the cause of a failed handshake only in the text of its timeout.
     */
    public static String remedy(Throwable failure) {
        if (isDenied(failure)) {
            return " The database user lacks this privilege: docs/operations.md lists the privileges of each task.";
        }
        return failure.getMessage() != null && failure.getMessage().contains("SSLHandshakeException")
                ? " The TLS handshake failed. If the server's certificate was rejected, set"
                        + " QUARKUS_TLS_MONGODB_TRUST_STORE_PEM_CERTS to the file of its authority and"
                        + " QUARKUS_MONGODB_TLS_CONFIGURATION_NAME=mongodb, and use the host name of the certificate in"
                        + " MONGODB_URI."
                : "";
    }

    /**
     * Whether the server rejected the operation with one of {@code codes}. A write without its write concern was not rejected.
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

    /** Whether the server was available and rejected the operation. The same call fails again. */
    public static boolean isRejected(Throwable failure) {
        return failure instanceof MongoException && !isUnavailable(failure);
    }

    /** Whether the server could not be reached or did not reply in time. The same call may succeed later. */
    public static boolean isUnavailable(Throwable failure) {
        if (failure instanceof MongoSecurityException security) { // wraps failures during authentication
            return isUnavailable(security.getCause());
        }
        return failure instanceof MongoException exception
                && (isUnavailableByClass(exception)
                        || TRY_AGAIN_LABELS.stream().anyMatch(exception::hasErrorLabel)
                        || hasCode(exception, TRY_AGAIN)
                        || writeConcernError(exception)
                                .filter(code -> isOneOf(code, TRY_AGAIN))
                                .isPresent());
    }

    /** Failures that the driver reports without a code of the server. */
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

    /** The code that says why a write that was carried out was not acknowledged. */
    private static Optional<Integer> writeConcernError(MongoException failure) {
        if (failure instanceof MongoWriteConcernException unacknowledged) {
            return Optional.of(unacknowledged.getCode());
        }
        return failure instanceof MongoBulkWriteException bulk
                ? Optional.ofNullable(bulk.getWriteConcernError()).map(WriteConcernError::getCode)
                : Optional.empty();
    }
}
