package consulting.lmx.conversation.mongo;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import jakarta.inject.Inject;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Stored times are the database's, because retention uses them. */
@QuarkusTest
class StoredTimesTest {

    @Inject
    ServerClock clock;

    @AfterEach
    void measureAgain() {
        clock.measure().await().indefinitely();
    }

    /** Repeated, because the clock is measured again every ten seconds. */
    @Test
    void conversationIsStoredWithTheTimeOfTheDatabase() {
        Awaitility.await().atMost(Duration.ofMinutes(1)).untilAsserted(this::assertStoredWithTheTimeOfTheDatabase);
    }

    private void assertStoredWithTheTimeOfTheDatabase() {
        Instant ahead = Instant.now().plus(Duration.ofDays(400));
        long now = System.nanoTime();
        clock.answered(ahead, now, now);
        String path = "/api/conversation/" + UUID.randomUUID();
        Response sent = as("ann")
                .contentType(ContentType.JSON)
                .body("{\"content\": \"hi\"}")
                .post(path + "/message");
        sent.then().statusCode(201);
        Response read = as("ann").get(path);
        for (String time : new String[] {"createdAt", "updatedAt", "messages[0].timestamp"}) {
            assertThat(Duration.between(ahead, Instant.parse(read.path(time))).abs())
                    .as(time)
                    .isLessThan(Duration.ofHours(1));
        }
    }
}
