package consulting.lmx.conversation.mongo;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.mongodb.reactivestreams.client.MongoClient;
import com.mongodb.reactivestreams.client.MongoClients;
import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkus.mongodb.impl.ReactiveMongoClientImpl;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.junit.jupiter.api.Test;

/** Estimates of the primary's time. Values of the monotonic clock are in milliseconds here. */
class ServerClockTest {

    private static final Instant SERVER = Instant.parse("2031-05-06T07:08:09.010Z");

    private final ServerClock clock = new ServerClock(() -> null, true);

    private void answered(Instant time, long sent, long received) {
        clock.answered(time, MILLISECONDS.toNanos(sent), MILLISECONDS.toNanos(received));
    }

    private Instant at(long millis) {
        return clock.at(MILLISECONDS.toNanos(millis));
    }

    private static Duration between(Instant a, Instant b) {
        return Duration.between(a, b).abs();
    }

    @Test
    void isTheLocalTimeBeforeTheFirstMeasurement() {
        assertThat(clock.instant()).isCloseTo(Instant.now(), within(1, ChronoUnit.SECONDS));
    }

    @Test
    void errorIsAtMostHalfOfTheRoundTrip() {
        answered(SERVER, 1_000, 1_400);
        for (long read = 1_000; read <= 1_400; read += 50) {
            assertThat(between(at(read), SERVER)).isLessThanOrEqualTo(Duration.ofMillis(201));
        }
    }

    @Test
    void advancesWithTheMonotonicClock() {
        answered(SERVER, 1_000, 1_000);
        assertThat(between(at(61_000), SERVER.plusSeconds(60))).isLessThanOrEqualTo(Duration.ofMillis(1));
    }

    @Test
    void consistentMeasurementChangesNothing() {
        answered(SERVER, 1_000, 1_002);
        Instant before = at(5_000);
        answered(SERVER.plusMillis(1_500), 1_001, 4_000);
        assertThat(at(5_000)).isEqualTo(before);
    }

    @Test
    void fasterMeasurementCorrectsASlowOne() {
        answered(SERVER, 1_000, 3_000); // the server's clock was read at 1,000
        assertThat(between(at(10_000), SERVER.plusMillis(9_000))).isGreaterThan(Duration.ofMillis(900));
        answered(SERVER.plusMillis(9_000), 9_999, 10_001);
        assertThat(between(at(10_000), SERVER.plusMillis(9_000))).isLessThanOrEqualTo(Duration.ofMillis(2));
    }

    @Test
    void followsAChangedClockAndAnotherPrimary() {
        answered(SERVER, 1_000, 1_002);
        answered(SERVER.plus(Duration.ofHours(1)), 2_000, 2_002);
        assertThat(between(at(2_000), SERVER.plus(Duration.ofHours(1)))).isLessThanOrEqualTo(Duration.ofMillis(3));
        answered(SERVER.minus(Duration.ofHours(1)), 3_000, 3_002);
        assertThat(between(at(3_000), SERVER.minus(Duration.ofHours(1)))).isLessThanOrEqualTo(Duration.ofMillis(3));
    }

    @Test
    void originOfTheMonotonicClockDoesNotMatter() {
        for (long origin : new long[] {Long.MIN_VALUE, -1, Long.MAX_VALUE - 5}) {
            ServerClock other = new ServerClock(() -> null, true);
            other.answered(SERVER, origin, origin + 2_000_000);
            other.answered(SERVER.plusMillis(1), origin + 1_000_000, origin + 3_000_000);
            assertThat(between(other.at(origin), SERVER)).isLessThanOrEqualTo(Duration.ofMillis(3));
        }
    }

    @Test
    void isMeasuredAtTheServer() throws IOException {
        Duration ahead = Duration.ofDays(-400);
        try (RewritingProxy proxy = RewritingProxy.to(TestServer.uri());
                MongoClient client = MongoClients.create(proxy.uri())) {
            proxy.answer("hello", answer -> moved(answer, ahead)).answer("isMaster", answer -> moved(answer, ahead));
            ServerClock measured = new ServerClock(() -> new ReactiveMongoClientImpl(client), true);
            measured.measure().await().atMost(Duration.ofSeconds(30));
            assertThat(measured.instant()).isCloseTo(Instant.now().plus(ahead), within(5, ChronoUnit.SECONDS));
        }
    }

    private static BsonDocument moved(BsonDocument hello, Duration by) {
        if (hello.containsKey("localTime")) {
            hello.append(
                    "localTime", new BsonDateTime(hello.getDateTime("localTime").getValue() + by.toMillis()));
        }
        return hello;
    }
}
