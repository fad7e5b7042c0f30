package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.mongodb.MongoException;
import com.mongodb.MongoSecurityException;
import com.mongodb.WriteConcern;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Updates;
import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkiverse.resteasy.problem.HttpProblem;
import java.io.IOException;
import java.util.List;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The driver's own exceptions, created from replies of a server, and their HTTP status. */
@Tag("slow")
class DriverFailureTest {

    private RewritingProxy proxy;
    private MongoClient client;
    private MongoCollection<BsonDocument> documents;

    @BeforeEach
    void connect() throws IOException {
        proxy = RewritingProxy.to(TestServer.uri());
        client = MongoClients.create(proxy.uri());
        documents = client.getDatabase(TestServer.newDatabase())
                .getCollection("documents", BsonDocument.class)
                .withWriteConcern(WriteConcern.MAJORITY);
    }

    @AfterEach
    void close() throws IOException {
        client.close();
        proxy.close();
    }

    private static BsonDocument document() {
        return new BsonDocument("a", new BsonInt32(1));
    }

    private MongoException insert() {
        return failure(() -> documents.insertOne(document()));
    }

    private static MongoException failure(Runnable operation) {
        Throwable failure = catchThrowable(operation::run);
        assertThat(failure).isInstanceOf(MongoException.class);
        return (MongoException) failure;
    }

    private static int status(MongoException failure) {
        HttpProblem problem = new MongoExceptionMapper().toProblem(failure);
        return problem.getStatusCode();
    }

    /** The second column is the name that the server uses. */
    @ParameterizedTest
    @CsvSource({
        "6, HostUnreachable",
        "7, HostNotFound",
        "24, LockTimeout",
        "43, CursorNotFound",
        "50, MaxTimeMSExpired",
        "64, WriteConcernTimeout",
        "89, NetworkTimeout",
        "91, ShutdownInProgress",
        "112, WriteConflict",
        "133, FailedToSatisfyReadPreference",
        "134, ReadConcernMajorityNotAvailableYet",
        "150, StaleEpoch",
        "175, QueryPlanKilled",
        "189, PrimarySteppedDown",
        "202, NetworkInterfaceExceededTimeLimit",
        "237, CursorKilled",
        "249, StaleDbVersion",
        "262, ExceededTimeLimit",
        "290, TransactionExceededLifetimeLimitSeconds",
        "365, TemporarilyUnavailable",
        "402, ResourceExhausted",
        "407, PooledConnectionAcquisitionExceededTimeLimit",
        "433, AdmissionQueueOverflow",
        "449, RateLimitExceeded",
        "450, PooledConnectionAcquisitionRejected",
        "453, InterruptedDueToReshardingCriticalSection",
        "462, IngressRequestRateLimitExceeded",
        "8000, AtlasError",
        "9001, SocketException",
        "10058, LegacyNotPrimary",
        "10107, NotWritablePrimary",
        "11600, InterruptedAtShutdown",
        "11601, Interrupted",
        "11602, InterruptedDueToReplStateChange",
        "13388, StaleConfig",
        "13435, NotPrimaryNoSecondaryOk",
        "13436, NotPrimaryOrSecondary",
        "16500, RequestRateTooLarge",
        "46841, ClientMarkedKilled",
        "91331, RetriableRemoteCommandFailure"
    })
    void transientCodeIs503(int code, String name) {
        proxy.instead("insert", question -> RewritingProxy.error(code, name));
        assertUnavailable(insert());
    }

    @Test
    void everyKindOfCommandIsClassified() {
        for (String command :
                List.of("insert", "update", "delete", "find", "findAndModify", "aggregate", "listCollections")) {
            proxy.instead(command, question -> RewritingProxy.error(462, "IngressRequestRateLimitExceeded"));
        }
        BsonDocument all = new BsonDocument();
        assertUnavailable(failure(() -> documents.insertMany(List.of(document(), document()))));
        assertUnavailable(failure(() -> documents.updateOne(all, Updates.set("a", 2))));
        assertUnavailable(failure(() -> documents.deleteMany(all)));
        assertUnavailable(failure(() -> documents.find().first()));
        assertUnavailable(failure(() -> documents.findOneAndDelete(all)));
        assertUnavailable(failure(() -> documents.countDocuments()));
        assertUnavailable(
                failure(() -> client.getDatabase("d").listCollectionNames().first()));
    }

    private static void assertUnavailable(MongoException failure) {
        assertThat(DriverFailure.isUnavailable(failure)).as(failure.toString()).isTrue();
        assertThat(status(failure)).isEqualTo(503);
    }

    @ParameterizedTest
    @CsvSource({
        "64, WriteConcernTimeout, 503",
        "91, ShutdownInProgress, 503",
        "189, PrimarySteppedDown, 503",
        "11600, InterruptedAtShutdown, 503",
        "11602, InterruptedDueToReplStateChange, 503",
        "262, ExceededTimeLimit, 503",
        "79, UnknownReplWriteConcern, 500",
        "100, UnsatisfiableWriteConcern, 500"
    })
    void unacknowledgedWriteIsClassifiedByItsWriteConcernError(int code, String name, int status) {
        for (String command : List.of("insert", "findAndModify")) {
            proxy.answer(command, answer -> withWriteConcernError(answer, code, name));
        }
        for (MongoException failure : List.of(
                insert(),
                failure(() -> documents.insertMany(List.of(document(), document()))),
                failure(() -> documents.findOneAndUpdate(new BsonDocument(), Updates.set("a", 2))))) {
            assertThat(status(failure)).as(failure.toString()).isEqualTo(status);
        }
    }

    private static BsonDocument withWriteConcernError(BsonDocument answer, int code, String name) {
        return answer.append(
                "writeConcernError",
                new BsonDocument("code", new BsonInt32(code))
                        .append("codeName", new BsonString(name))
                        .append("errmsg", new BsonString("rewritten")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SystemOverloadedError",
                "RetryableError",
                "RetryableWriteError",
                "TransientTransactionError",
                "NoWritesPerformed"
            })
    void labelAloneIs503(String label) {
        proxy.instead(
                "insert",
                command -> RewritingProxy.error(999_999, "OfAServerToCome")
                        .append("errorLabels", new BsonArray(List.of(new BsonString(label)))));
        assertThat(status(insert())).isEqualTo(503);
    }

    @ParameterizedTest
    @CsvSource({"2, BadValue, 500", "13, Unauthorized, 500", "121, DocumentValidationFailure, 500", "17419, , 409"})
    void permanentFailureIsNo503(int code, String name, int status) {
        proxy.instead("insert", command -> RewritingProxy.error(code, String.valueOf(name)));
        proxy.instead("aggregate", command -> RewritingProxy.error(code, String.valueOf(name)));
        assertThat(status(insert())).isEqualTo(status);
        assertThat(status(failure(() -> documents.countDocuments()))).isEqualTo(status);
    }

    @Test
    void duplicateKeyNeedsARejectionByAnIndex() {
        documents.insertOne(document().append("_id", new BsonInt32(1)));
        MongoException refused = failure(() -> documents.insertOne(document().append("_id", new BsonInt32(1))));
        assertThat(DriverFailure.isDuplicateKey(refused)).isTrue();
        assertThat(DriverFailure.isUnavailable(refused)).isFalse();

        proxy.answer("insert", answer -> withWriteConcernError(answer, 64, "WriteConcernTimeout"));
        MongoException both =
                failure(() -> documents.insertMany(List.of(document().append("_id", new BsonInt32(1)))));
        assertThat(DriverFailure.isDuplicateKey(both)).isTrue();
        assertThat(DriverFailure.isDuplicateKeyAlone(both)).isFalse();
        assertThat(DriverFailure.isUnavailable(both)).isTrue();

        MongoException stored = insert();
        assertThat(DriverFailure.isDuplicateKey(stored)).isFalse();
    }

    @Test
    void writeConcernErrorIsNoRejection() {
        proxy.answer("insert", answer -> withWriteConcernError(answer, 11000, "DuplicateKey"));
        assertThat(DriverFailure.isDuplicateKey(insert())).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"91, ShutdownInProgress, true", "18, AuthenticationFailed, false"})
    void failedAuthenticationIsClassifiedByItsCause(int code, String name, boolean unavailable) {
        for (String command : List.of("saslStart", "hello", "isMaster")) {
            proxy.answer(command, answer -> {
                answer.remove("speculativeAuthenticate");
                return answer;
            });
        }
        proxy.instead("saslStart", command -> RewritingProxy.error(code, name));
        try (MongoClient user = MongoClients.create(proxy.uri().replace("//", "//user:word@"))) {
            MongoException failure =
                    failure(() -> user.getDatabase("d").runCommand(new BsonDocument("ping", new BsonDouble(1))));
            assertThat(failure).isInstanceOf(MongoSecurityException.class);
            assertThat(DriverFailure.isUnavailable(failure)).isEqualTo(unavailable);
        }
    }
}
