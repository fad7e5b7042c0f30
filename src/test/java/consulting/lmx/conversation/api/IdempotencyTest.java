package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;

import com.fasterxml.jackson.databind.ObjectMapper;
import consulting.lmx.conversation.testsupport.Tokens;
import consulting.lmx.conversation.text.Text;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.Header;
import io.restassured.http.Headers;
import io.restassured.response.Response;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class IdempotencyTest {

    private final String user = "user-" + UUID.randomUUID();
    private final String key = "key-" + UUID.randomUUID();

    private Response post(String caller, String path, String key, String body) {
        return given().auth()
                .oauth2(Tokens.of(caller))
                .contentType("application/json")
                .header("Idempotency-Key", key)
                .body(body)
                .post("/api/conversation/" + path);
    }

    private Response get(String id) {
        return given().auth().oauth2(Tokens.of(user)).get("/api/conversation/" + id);
    }

    private static Set<String> tenTimesAtOnce(Supplier<Response> call) throws Exception {
        ExecutorService callers = Executors.newFixedThreadPool(10);
        try {
            List<Future<String>> answers = IntStream.range(0, 10)
                    .mapToObj(i -> callers.submit(() -> {
                        Response response = call.get();
                        return response.statusCode() + " " + response.asString();
                    }))
                    .toList();
            Set<String> different = new java.util.HashSet<>();
            for (Future<String> answer : answers) {
                different.add(answer.get());
            }
            return different;
        } finally {
            callers.shutdown();
        }
    }

    @Test
    void startUnderOneKeyHasOneEffectAndOneAnswer() throws Exception {
        String body = "{\"title\": \"t\", \"messages\": [{\"content\": \"a\"}], \"metadata\": {\"b\": 1}}";
        Set<String> answers = tenTimesAtOnce(() -> post(user, "start", key, body));
        assertThat(answers).hasSize(1).allMatch(answer -> answer.startsWith("201 "));
        given().auth().oauth2(Tokens.of(user)).get("/api/conversation").then().body("data", hasSize(1));
    }

    @Test
    void nothingIsStartedIfAnotherUserHasTheIdOfTheKey() {
        String id = new IdempotencyKey(key).conversationId(user);
        String other = "other-" + UUID.randomUUID();
        post(other, id + "/message", key, "{\"content\": \"mine\"}").then().statusCode(201);
        post(user, "start", key, "{}")
                .then()
                .statusCode(409)
                .contentType("application/problem+json")
                .body(
                        "detail",
                        equalTo("This Idempotency-Key cannot start a conversation. Use another one for this request."));
        get(id).then().statusCode(404);
    }

    @Test
    void answerOfAStartStaysTheSameWhateverBecomesOfTheConversation() {
        Response first = post(user, "start", key, "{\"title\": \"t\", \"messages\": [{\"content\": \"a\"}]}");
        String id = first.path("conversationId");
        post(user, id + "/message", "another", "{\"content\": \"b\"}").then().statusCode(200);
        given().auth()
                .oauth2(Tokens.of(user))
                .contentType("application/json")
                .body("{\"title\": \"changed\"}")
                .patch("/api/conversation/" + id)
                .then()
                .statusCode(200);
        Response again = post(user, "start", key, "{\"title\": \"t\", \"messages\": [{\"content\": \"a\"}]}");
        assertThat(again.statusCode()).isEqualTo(201);
        assertThat(again.asString()).isEqualTo(first.asString());
        assertThat(again.header("Location")).isEqualTo(first.header("Location"));
        get(id).then().body("messageCount", equalTo(2)).body("title", equalTo("changed"));
    }

    @Test
    void messageUnderOneKeyHasOneEffectAndOneAnswer() throws Exception {
        String id = "c-" + UUID.randomUUID();
        Set<String> answers = tenTimesAtOnce(() -> post(user, id + "/message", key, "{\"content\": \"a\"}"));
        assertThat(answers).hasSize(1).allMatch(answer -> answer.startsWith("201 "));
        post(user, id + "/message", "other", "{\"content\": \"a\"}")
                .then()
                .statusCode(200)
                .body("message.index", equalTo(1));
        Set<String> later = tenTimesAtOnce(() -> post(user, id + "/message", key, "{\"content\": \"a\"}"));
        assertThat(later).isEqualTo(answers);
        get(id).then().body("messageCount", equalTo(2));
    }

    @Test
    void appendToAConversationThatIsThereAnswersTheSameAgain() {
        String id = post(user, "start", "s-" + key, "{}").path("conversationId");
        Response first = post(user, id + "/message", key, "{\"content\": \"a\"}");
        first.then().statusCode(200);
        Response again = post(user, id + "/message", key, "{\"content\": \"a\", \"role\": \"user\"}");
        assertThat(again.statusCode() + again.asString()).isEqualTo(first.statusCode() + first.asString());
    }

    @Test
    void sameKeyWithAnotherBodyIsRefusedAndChangesNothing() {
        String id = post(user, "start", key, "{\"title\": \"t\"}").path("conversationId");
        post(user, "start", key, "{\"title\": \"u\"}").then().statusCode(422).contentType("application/problem+json");
        post(user, id + "/message", key, "{\"content\": \"a\"}").then().statusCode(200);
        post(user, id + "/message", key, "{\"content\": \"b\"}")
                .then()
                .statusCode(422)
                .contentType("application/problem+json");
        post(user, id + "/message", key, "{\"content\": \"a\", \"role\": \"tool\"}")
                .then()
                .statusCode(422);
        get(id).then().body("messageCount", equalTo(1)).body("title", equalTo("t"));
    }

    @Test
    void keysOfAnotherCallerAreHisOwn() {
        String mine = post(user, "start", key, "{}").path("conversationId");
        String his = post("other-" + user, "start", key, "{}").path("conversationId");
        assertThat(mine).isNotEqualTo(his);
        post(user, mine + "/message", key, "{\"content\": \"a\"}").then().statusCode(200);
        post("other-" + user, mine + "/message", key, "{\"content\": \"a\"}")
                .then()
                .statusCode(404);
    }

    @Test
    void keyIsForgottenWithItsConversation() {
        Response first = post(user, "start", key, "{}");
        String id = first.path("conversationId");
        given().auth()
                .oauth2(Tokens.of(user))
                .delete("/api/conversation/" + id)
                .then()
                .statusCode(204);
        Response again = post(user, "start", key, "{}");
        again.then().statusCode(201);
        assertThat(again.<String>path("sessionId")).isNotEqualTo(first.path("sessionId"));
    }

    @ParameterizedTest
    @ValueSource(ints = {256, 1000})
    void headerThatIsNoKeyIsRefused(int length) {
        String bad = "x".repeat(length);
        given().auth()
                .oauth2(Tokens.of(user))
                .header("Idempotency-Key", bad)
                .post("/api/conversation/start")
                .then()
                .statusCode(400);
        given().auth().oauth2(Tokens.of(user)).get("/api/conversation").then().body("data", hasSize(0));
    }

    @ParameterizedTest
    @MethodSource
    void headerThatIsEmptyOrTwiceThereIsRefused(List<String> keys) {
        given().auth()
                .oauth2(Tokens.of(user))
                .headers(new Headers(keys.stream()
                        .map(each -> new Header("Idempotency-Key", each))
                        .toList()))
                .post("/api/conversation/start")
                .then()
                .statusCode(400)
                .body("violations[0].field", equalTo("Idempotency-Key"));
        given().auth().oauth2(Tokens.of(user)).get("/api/conversation").then().body("data", hasSize(0));
    }

    static Stream<List<String>> headerThatIsEmptyOrTwiceThereIsRefused() {
        return Stream.of(List.of(""), List.of("one", "two"), List.of("one", ""));
    }

    @Test
    void differentKeysAreDifferentCalls() {
        Set<String> ids = IntStream.range(0, 5)
                .mapToObj(i -> post(user, "start", key + i, "{}").<String>path("conversationId"))
                .collect(Collectors.toSet());
        assertThat(ids).hasSize(5);
    }

    @Test
    void orderOfMetadataDoesNotMakeAnotherRequest() {
        String first = "{\"metadata\": {\"b\": {\"y\": 1, \"x\": [{\"d\": 1, \"c\": 2}]}, \"a\": 2}}";
        String second = "{\"metadata\": {\"a\": 2, \"b\": {\"x\": [{\"c\": 2, \"d\": 1}], \"y\": 1}}}";
        String id =
                post(user, "start", key, first).then().statusCode(201).extract().path("conversationId");
        post(user, "start", key, second).then().statusCode(201).body("conversationId", equalTo(id));
        post(user, "start", key, first).then().statusCode(201).body("conversationId", equalTo(id));
    }

    /** The digest that version 1.0 stores and compares while both versions run on one database. */
    @Test
    void digestIsThatOfTheEarlierVersion() {
        ObjectMapper json = new ObjectMapper();
        NewConversation plain = new NewConversation(List.of(new NewMessage(null, "a", null)), "t", null);
        String stored = "{\"messages\":[{\"role\":null,\"content\":\"a\"}],\"title\":\"t\",\"metadata\":null}";
        assertThat(RequestDigest.of(plain).stored(json)).isEqualTo(sha256(stored));
        Map<String, Object> unsorted = new LinkedHashMap<>();
        unsorted.put("b", 1);
        unsorted.put("a", 2);
        NewConversation withMetadata = new NewConversation(null, null, unsorted);
        assertThat(RequestDigest.of(withMetadata)
                        .isStoredAs(sha256("{\"messages\":[],\"title\":null,\"metadata\":{\"b\":1,\"a\":2}}"), json))
                .isTrue();
        assertThat(RequestDigest.of(withMetadata).isStoredAs(sha256(stored), json))
                .isFalse();
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(Text.sha256().digest(text.getBytes(StandardCharsets.UTF_8)));
    }
}
