package consulting.lmx.conversation.error;

import com.mongodb.MongoBulkWriteException;
import com.mongodb.MongoConnectionPoolClearedException;
import com.mongodb.MongoException;
import com.mongodb.MongoExecutionTimeoutException;
import com.mongodb.MongoInterruptedException;
import com.mongodb.MongoNodeIsRecoveringException;
import com.mongodb.MongoNotPrimaryException;
import com.mongodb.MongoServerUnavailableException;
import com.mongodb.MongoSocketException;
import com.mongodb.MongoTimeoutException;
import com.mongodb.WriteError;
import java.util.Arrays;

/** Sorts the failures of the driver. Codes are looked at, never texts: servers differ in those. */
public final class DriverFailure {

    private static final int DUPLICATE_KEY = 11000;
    private static final int UNAUTHORIZED = 13;

    /** {@code CommandNotFound}, {@code CommandNotSupported} and {@code NotImplemented}: servers differ in which they use. */
    private static final int[] UNKNOWN_COMMAND = {59, 115, 238};

    /** Of a document: before it is stored, and as an update would leave it. */
    private static final int[] TOO_LARGE = {10334, 17419, 17420};

    /**
     * Documents nested too deeply, and up to 4.4 names of fields that begin with a dollar sign, hold a dot or are empty, and
     * DBRefs without their parts.
     */
    private static final int[] UNSTORABLE = {15, 52, 55, 56, 57};

    /** On shards, an update that would change the key by which the documents are spread, and is of many or does not name it. */
    private static final int[] CHANGES_SHARD_KEY = {72, 31025};

    private DriverFailure() {}

    /** Whether a unique index refused the write. */
    public static boolean isDuplicateKey(Throwable failure) {
        if (failure instanceof MongoBulkWriteException bulk) {
            return bulk.getWriteErrors().stream().anyMatch(DriverFailure::isDuplicateKey);
        }
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

    /** Whether the server may take the documents one by one, though it refused an update of many. */
    public static boolean isRefusedTogether(Throwable failure) {
        return hasCode(failure, UNSTORABLE) || hasCode(failure, CHANGES_SHARD_KEY);
    }

    /** Whether the server does not store a field that this write of several would have made, though it may hold such ones. */
    public static boolean isUnstorable(WriteError error) {
        return Arrays.stream(UNSTORABLE).anyMatch(code -> code == error.getCode());
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
     * What to do where the driver gave up because of the TLS handshake; empty else. The driver keeps what was thrown
     * meanwhile only in the text of its timeout, by the names of the classes, which are the JDK's.
     */
    public static String handshakeRemedy(Throwable failure) {
        return failure.getMessage() != null && failure.getMessage().contains("SSLHandshakeException")
                ? " The TLS handshake failed. Where the server's certificate was refused, give the file of its authority as"
                        + " QUARKUS_TLS_MONGODB_TRUST_STORE_PEM_CERTS with QUARKUS_MONGODB_TLS_CONFIGURATION_NAME=mongodb, and"
                        + " name the host in MONGODB_URI as that certificate does."
                : "";
    }

    /** Whether the server answered with one of {@code codes}. */
    public static boolean hasCode(Throwable failure, int... codes) {
        if (failure instanceof MongoException exception) {
            for (int code : codes) {
                if (exception.getCode() == code) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether the server could not be reached or not answer in time, so that the same call may succeed a little later. */
    public static boolean isUnavailable(Throwable failure) {
        return failure instanceof MongoTimeoutException
                || failure instanceof MongoExecutionTimeoutException
                || failure instanceof MongoSocketException
                || failure instanceof MongoNotPrimaryException
                || failure instanceof MongoNodeIsRecoveringException
                || failure instanceof MongoConnectionPoolClearedException
                || failure instanceof MongoServerUnavailableException
                || failure instanceof MongoInterruptedException;
    }
}
