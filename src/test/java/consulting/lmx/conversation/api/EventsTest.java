package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.hamcrest.Matchers.equalTo;

import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.EventClient.Event;
import consulting.lmx.conversation.testsupport.Tokens;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.http.ContentType;
import io.restassured.path.json.JsonPath;
import io.smallrye.jwt.build.Jwt;
import jakarta.inject.Inject;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@QuarkusTest
@TestProfile(EventsTest.QuickHeartbeats.class)
class EventsTest {

    public static class QuickHeartbeats implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "conversations.events.heartbeat", "1S",
                    "conversations.events.max-streams-per-caller", "3",
                    "conversations.events.max-streams", "5");
        }
    }

    @TestHTTPResource("/")
    URI root;

    @Inject
    MeterRegistry meters;

    private final String user = "user-" + UUID.randomUUID();
    private final String id = "c-" + UUID.randomUUID();

    private int append(String content) {
        return given().auth()
                .oauth2(Tokens.of(user))
                .contentType(ContentType.JSON)
                .body(Map.of("content", content))
                .post("/api/conversation/{id}/message", id)
                .then()
                .extract()
                .path("message.index");
    }

    private EventClient listen(String query, String... headers) throws Exception {
        return EventClient.open(root.resolve("/api/conversation/" + id + "/events" + query), Tokens.of(user), headers);
    }

    private static List<String> ids(List<Event> events) {
        return events.stream().map(Event::id).toList();
    }

    private static List<String> contents(List<Event> events) {
        return events.stream()
                .map(event -> JsonPath.from(event.data()).getString("content"))
                .toList();
    }

    private static List<String> numbers(int first, int last) {
        return IntStream.rangeClosed(first, last).mapToObj(String::valueOf).toList();
    }

    @Test
    void newMessagesAreSentAsTheyAreShownElsewhere() throws Exception {
        append("before");
        try (EventClient client = listen("")) {
            assertThat(client.status()).isEqualTo(200);
            assertThat(client.response().headers().firstValue("content-type").orElseThrow())
                    .startsWith("text/event-stream");
            assertThat(client.response().headers().firstValue("cache-control")).contains("no-store");
            append("line one\nline two \u0000 \u202e \uD83D\uDE00");

            Event event = client.await(1).get(0);

            assertThat(event.name()).isEqualTo("message");
            assertThat(event.id()).isEqualTo("1");
            assertThat(JsonPath.from(event.data()).getMap(""))
                    .isEqualTo(given().auth()
                            .oauth2(Tokens.of(user))
                            .get("/api/conversation/{id}/messages?after=0", id)
                            .jsonPath()
                            .getMap("data[0]"));
            assertThat(contents(List.of(event))).containsExactly("line one\nline two \u0000 \u202e \uD83D\uDE00");
        }
    }

    @Test
    void tokenThatEndsAfterAllTimesOpensAStream() throws Exception {
        append("before");
        String token = Jwt.subject(user).expiresAt(Long.MAX_VALUE).signWithSecret(Tokens.SECRET);
        try (EventClient client =
                EventClient.open(root.resolve("/api/conversation/" + id + "/events?after=-1"), token)) {
            assertThat(ids(client.await(1))).containsExactly("0");
        }
    }

    @Test
    void resumesBehindTheLastEventThatWasSeen() throws Exception {
        for (int i = 0; i < 40; i++) {
            append("m" + i);
        }
        try (EventClient client = listen("", "Last-Event-ID", "4");
                EventClient first = listen("?after=-1")) {
            assertThat(ids(client.await(35))).isEqualTo(numbers(5, 39));
            append("live");
            assertThat(ids(client.await(36))).isEqualTo(numbers(5, 40));
            assertThat(ids(first.await(41))).isEqualTo(numbers(0, 40));
            assertThat(contents(client.events()).get(35)).isEqualTo("live");
        }
    }

    @Test
    void noneIsMissedOrDoubledBetweenWhatIsStoredAndWhatComesLive() throws Exception {
        append("m0");
        CompletableFuture<Void> writer = CompletableFuture.runAsync(() -> {
            for (int i = 1; i < 150; i++) {
                append("m" + i);
            }
        });
        List<String> heard = new ArrayList<>();
        String last = "0";
        while (heard.size() < 149) { // comes and goes while messages are written
            try (EventClient client = listen("", "Last-Event-ID", last)) {
                int some = Math.min(149 - heard.size(), 20);
                List<Event> events = client.await(some).subList(0, some);
                heard.addAll(contents(events));
                last = events.get(some - 1).id();
            }
        }
        writer.join();
        assertThat(heard)
                .isEqualTo(IntStream.range(1, 150).mapToObj(i -> "m" + i).toList());
    }

    @Test
    void endsWithTheConversation() throws Exception {
        append("one");
        try (EventClient client = listen("?after=-1")) {
            client.await(1);
            given().auth().oauth2(Tokens.of(user)).delete("/api/conversation/{id}", id);
            assertThat(client.awaitEnd().events().get(1).name()).isEqualTo("deleted");
        }
        append("another conversation under the same id");
        try (EventClient client = listen("", "Last-Event-ID", "7")) {
            assertThat(contents(client.await(1))).containsExactly("another conversation under the same id");
        }
    }

    @Test
    void conversationOfAnotherUserIsNotFoundBeforeAnythingIsSent() throws Exception {
        append("secret");
        given().auth()
                .oauth2(Tokens.of("stranger"))
                .get("/api/conversation/{id}/events", id)
                .then()
                .statusCode(404)
                .contentType("application/problem+json");
    }

    @Test
    void endsWithTheToken() throws Exception {
        append("one");
        try (EventClient client = EventClient.open(
                root.resolve("/api/conversation/" + id + "/events?after=-1"), Tokens.endingIn(user, 2))) {
            assertThat(ids(client.awaitEnd().events())).containsExactly("0");
        }
    }

    @Test
    void heartbeatsComeWhileNothingHappens() throws Exception {
        append("one");
        try (EventClient client = listen("")) {
            await().atMost(Duration.ofSeconds(20)).until(() -> client.all().size() >= 3);
            assertThat(client.all().get(0).retry()).isEqualTo("1000");
            assertThat(client.all().subList(1, 3)).extracting(Event::comment).containsOnly("heartbeat");
        }
    }

    @Test
    void processHoldsSoManyStreamsAndNoMore() throws Exception {
        append("one");
        String other = "user-" + UUID.randomUUID();
        given().auth()
                .oauth2(Tokens.of(other))
                .contentType(ContentType.JSON)
                .body(Map.of("content", "one"))
                .post("/api/conversation/{id}/message", "of-" + other);
        await("streams of other tests are closed").until(() -> streams() == 0);
        List<EventClient> clients = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            clients.add(listen(""));
        }
        URI others = root.resolve("/api/conversation/of-" + other + "/events");
        for (int i = 0; i < 2; i++) {
            clients.add(EventClient.open(others, Tokens.of(other)));
        }
        double before = meters.get("conversations.listeners.rejected").counter().count();
        given().auth()
                .oauth2(Tokens.of(other))
                .get(others)
                .then()
                .statusCode(503)
                .header("Retry-After", "1")
                .contentType("application/problem+json")
                .body("detail", equalTo("The service has too many open event streams. Try again later."));
        assertThat(meters.get("conversations.listeners.rejected").counter().count())
                .isEqualTo(before + 1);
        append("two"); // they are served on
        assertThat(ids(clients.get(0).await(1))).containsExactly("1");
        for (EventClient client : clients) {
            client.close();
        }
        await().atMost(Duration.ofSeconds(20)).until(() -> streams() == 0);
        try (EventClient again = EventClient.open(others, Tokens.of(other))) {
            assertThat(again.status()).isEqualTo(200);
        }
    }

    private double streams() {
        return meters.get("conversations.listeners").gauge().value();
    }

    @Test
    void callerMayOpenSoManyStreamsAndNoMore() throws Exception {
        append("one");
        List<EventClient> clients = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            clients.add(listen(""));
        }
        given().auth()
                .oauth2(Tokens.of(user))
                .get("/api/conversation/{id}/events", id)
                .then()
                .statusCode(429)
                .contentType("application/problem+json")
                .body("detail", equalTo("You have 3 open event streams. Close one, then try again."));
        clients.get(0).close();
        await().atMost(Duration.ofSeconds(20)).until(() -> {
            try (EventClient again = listen("")) {
                return again.status() == 200;
            }
        });
        for (EventClient client : clients) {
            client.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "-1", "1.x", "1.", ".5", "0.5", "1.5.2", "1.-2", "99999999999", "9999999999.1"})
    void lastEventIdThatIsNoneIsRefused(String lastEventId) {
        append("one");
        given().auth()
                .oauth2(Tokens.of(user))
                .header("Last-Event-ID", lastEventId)
                .get("/api/conversation/{id}/events", id)
                .then()
                .statusCode(400)
                .body("violations[0].field", equalTo("Last-Event-ID"));
    }

    private void truncate(int from) {
        given().auth()
                .oauth2(Tokens.of(user))
                .delete("/api/conversation/{id}/messages?from={from}", id, from)
                .then()
                .statusCode(200);
    }

    private static List<String> summary(List<Event> events) {
        return events.stream()
                .map(event -> event.id() + " " + event.name() + " "
                        + (event.name().equals("truncated")
                                ? JsonPath.from(event.data()).getString("from")
                                : JsonPath.from(event.data()).getString("content")))
                .toList();
    }

    @Test
    void truncationIsSentToListeners() throws Exception {
        for (int i = 0; i < 4; i++) {
            append("m" + i);
        }
        try (EventClient client = listen("?after=1")) {
            client.await(2);
            truncate(3);
            client.await(3);
            append("again");
            assertThat(summary(client.await(4)))
                    .containsExactly("2 message m2", "3 message m3", "1.2 truncated 3", "1.3 message again");
        }
    }

    @Test
    void truncationThatWasMissedIsSentOnResumption() throws Exception {
        for (int i = 0; i < 6; i++) {
            append("m" + i);
        }
        truncate(4);
        append("new 4");
        truncate(3);
        append("new 3");
        append("newer 4");
        List<String> afterBoth = List.of("2.2 truncated 3", "2.3 message new 3", "2.4 message newer 4");
        assertThat(resumed(3, "", "Last-Event-ID", "5")).isEqualTo(afterBoth);
        assertThat(resumed(3, "", "Last-Event-ID", "1.4")).isEqualTo(afterBoth);
        assertThat(resumed(3, "", "Last-Event-ID", "1"))
                .containsExactly("2.2 message m2", "2.3 message new 3", "2.4 message newer 4");
        assertThat(resumed(2, "", "Last-Event-ID", "2.2")).containsExactly("2.3 message new 3", "2.4 message newer 4");
        assertThat(resumed(1, "?after=3")).containsExactly("2.4 message newer 4");
        assertThat(resumed(5, "", "Last-Event-ID", "3.1"))
                .startsWith("2.0 message m0")
                .endsWith("2.4 message newer 4");
    }

    private List<String> resumed(int events, String query, String... headers) throws Exception {
        try (EventClient client = listen(query, headers)) {
            return summary(client.await(events));
        }
    }

    @Test
    void truncationOfAllIsResumedFromTheBeginning() throws Exception {
        append("one");
        truncate(0);
        try (EventClient client = listen("", "Last-Event-ID", "0")) {
            assertThat(summary(client.await(1))).containsExactly("1.-1 truncated 0");
            append("two");
            assertThat(summary(client.await(2))).endsWith("1.0 message two");
            try (EventClient again = listen("", "Last-Event-ID", "1.-1")) {
                assertThat(summary(again.await(1))).containsExactly("1.0 message two");
            }
        }
    }

    @Test
    void moreTruncationsThanAreStoredStartFromTheBeginning() throws Exception {
        append("one");
        append("two");
        for (int i = 0; i < 17; i++) {
            truncate(1);
            append("again");
        }
        try (EventClient client = listen("", "Last-Event-ID", "1")) {
            assertThat(summary(client.await(3)))
                    .containsExactly("17.-1 truncated 0", "17.0 message one", "17.1 message again");
        }
    }

    @Test
    void listenerThatDoesNotReadIsDropped() throws Exception {
        String much = "x".repeat(30_000);
        append("one");
        double before = meters.counter("conversations.listeners.dropped").count();
        try (Socket socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(new InetSocketAddress(root.getHost(), root.getPort()));
            OutputStream out = socket.getOutputStream();
            out.write(("GET /api/conversation/" + id + "/events?after=-1 HTTP/1.1\r\nHost: localhost\r\n"
                            + "Authorization: Bearer " + Tokens.of(user) + "\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            for (int i = 0; i < 300; i++) {
                append(much);
            }
            await().atMost(Duration.ofSeconds(30))
                    .until(() ->
                            meters.counter("conversations.listeners.dropped").count() > before);
        }
    }
}
