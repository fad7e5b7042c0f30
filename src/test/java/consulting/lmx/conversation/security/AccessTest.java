package consulting.lmx.conversation.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.WriteConcern;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.Document;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Who may what: every route by every method by everybody. A stranger hears of somebody else's conversation what he hears of
 * none, to the byte, and changes nothing; an admin is a stranger there, too.
 */
@Tag("slow")
@QuarkusTest
class AccessTest {

    /** The expected status of each route of the API description. */
    private static final String ROUTES = """
            POST    /api/conversation/start                         owner 201  stranger 201  none 401  expired 401  admin 201
            GET     /api/conversation                               owner 200  stranger 200  none 401  expired 401  admin 200
            DELETE  /api/conversation?confirm=all                   owner 200  stranger 200  none 401  expired 401  admin 200
            GET     /api/conversation/{conversationId}              owner 200  stranger 404  none 401  expired 401  admin 404
            PATCH   /api/conversation/{conversationId}              owner 200  stranger 404  none 401  expired 401  admin 404
            DELETE  /api/conversation/{conversationId}              owner 204  stranger 404  none 401  expired 401  admin 404
            POST    /api/conversation/{conversationId}/message      owner 200  stranger 404  none 401  expired 401  admin 404
            GET     /api/conversation/{conversationId}/messages     owner 200  stranger 404  none 401  expired 401  admin 404
            POST    /api/conversation/{conversationId}/messages     owner 200  stranger 404  none 401  expired 401  admin 404
            DELETE  /api/conversation/{conversationId}/messages?from=0  owner 200  stranger 404  none 401  expired 401  admin 404
            PATCH   /api/conversation/{conversationId}/messages/{index} owner 200  stranger 404  none 401  expired 401  admin 404
            GET     /api/conversation/{conversationId}/events       owner 200  stranger 404  none 401  expired 401  admin 404
            GET     /api/conversation/{conversationId}/export       owner 200  stranger 404  none 401  expired 401  admin 404
            GET     /api/session/{sessionId}                        owner 200  stranger 404  none 401  expired 401  admin 404
            GET     /api/admin/conversations?id={conversationId}    owner 403  stranger 403  none 401  expired 401  admin 200
            GET     /api/admin/integrity                            owner 403  stranger 403  none 401  expired 401  admin 200
            GET     /api/admin/integrity/events                     owner 403  stranger 403  none 401  expired 401  admin 200
            POST    /api/admin/integrity/heal                       owner 403  stranger 403  none 401  expired 401  admin 202
            """;

    /** For methods other than POST, {@code start} is an unknown conversation ID. */
    private static final String START_AS_AN_ID = """
            GET     /api/conversation/start                         owner 404  stranger 404  none 401  expired 401  admin 404
            PATCH   /api/conversation/start                         owner 404  stranger 404  none 401  expired 401  admin 404
            DELETE  /api/conversation/start                         owner 404  stranger 404  none 401  expired 401  admin 404
            """;

    /**
     * What a route answers by a method that it does not have: that is no secret, and who is calling is not asked. HEAD is a
     * GET without a body.
     */
    private static final Map<String, Integer> OTHERWISE =
            Map.of("GET", 405, "POST", 405, "PUT", 405, "PATCH", 405, "DELETE", 405, "TRACE", 405, "OPTIONS", 200);

    private static final List<String> METHODS =
            List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE");

    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS", "TRACE");

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static MongoClient client;
    private static MongoCollection<BsonDocument> conversations;

    private final String run = UUID.randomUUID().toString();
    private final String conversationId = "c-" + run;

    @BeforeAll
    static void connect() {
        client = MongoClients.create(TestServer.uri());
        conversations = client.getDatabase(TestServer.database())
                .getCollection("conversations", BsonDocument.class)
                .withWriteConcern(WriteConcern.MAJORITY); // the service reads no other writes
    }

    @AfterAll
    static void disconnect() {
        client.close();
    }

    private enum Caller {
        OWNER,
        STRANGER,
        NONE,
        EXPIRED,
        ADMIN
    }

    /** One cell of the table. */
    private record Call(String method, String route, Caller caller, int status) {
        @Override
        public String toString() {
            return method + " " + route + " by " + caller + ": " + status;
        }
    }

    private static Stream<Call> rows(String table) {
        return table.lines()
                .map(row -> row.split(" +"))
                .flatMap(row -> Stream.of(Caller.values())
                        .map(caller -> new Call(row[0], row[1], caller, status(row, caller))));
    }

    private static int status(String[] row, Caller caller) {
        return Integer.parseInt(row[List.of(row).indexOf(caller.name().toLowerCase(Locale.ROOT)) + 1]);
    }

    static Stream<Call> calls() {
        List<Call> table =
                Stream.of(ROUTES, START_AS_AN_ID).flatMap(AccessTest::rows).toList();
        Set<String> paths =
                new TreeSet<>(table.stream().map(call -> path(call.route())).toList());
        return paths.stream()
                .flatMap(path -> METHODS.stream()
                        .flatMap(method -> Stream.of(Caller.values())
                                .map(caller -> table.stream()
                                        .filter(call -> path(call.route()).equals(path))
                                        .filter(call -> call.method().equals(method.equals("HEAD") ? "GET" : method))
                                        .filter(call -> call.caller() == caller)
                                        .findFirst()
                                        .map(call -> new Call(method, call.route(), caller, call.status()))
                                        .orElseGet(() -> new Call(
                                                method,
                                                path,
                                                caller,
                                                OTHERWISE.get(method.equals("HEAD") ? "GET" : method))))));
    }

    private static String path(String route) {
        return route.replaceFirst("\\?.*", "");
    }

    @Test
    void tableHasEveryRouteOfTheDescription() {
        Document description =
                Document.parse(RestAssured.given().get("/q/openapi?format=json").asString());
        Set<String> described = new TreeSet<>();
        description
                .get("paths", Document.class)
                .forEach((path, methods) -> ((Document) methods)
                        .keySet().stream()
                                .filter(method -> METHODS.contains(method.toUpperCase(Locale.ROOT)))
                                .forEach(method -> described.add(method.toUpperCase(Locale.ROOT) + " " + path)));
        assertThat(ROUTES.lines().map(row -> row.split(" +")).map(row -> row[0] + " " + path(row[1])))
                .as("the table has one row for each route of the API description")
                .containsExactlyInAnyOrderElementsOf(described);
    }

    @ParameterizedTest
    @MethodSource("calls")
    void routeAnswersAsInTheTable(Call call) throws Exception {
        boolean unknown = call.status() == 404;
        Answer ofNone = unknown ? ofNone(call) : null;
        BsonDocument stored = store();

        Answer answer = send(call.method(), call.route(), call.caller());

        assertThat(answer.status()).isEqualTo(call.status());
        if (answer.status() >= 400) {
            assertThat(answer.headers()).containsEntry("content-type", List.of("application/problem+json"));
            assertThat(conversations.countDocuments(Filters.eq("userId", name(call.caller()))))
                    .isEqualTo(call.caller() == Caller.OWNER ? 1 : 0);
        }
        if (unknown) {
            assertThat(answer).isEqualTo(ofNone);
        }
        if (answer.status() >= 400 || call.caller() != Caller.OWNER || SAFE.contains(call.method())) {
            assertThat(conversations.find(Filters.eq("conversationId", conversationId)))
                    .containsExactly(stored);
        }
    }

    /** The response to the same caller for a conversation that does not exist. */
    private Answer ofNone(Call call) throws Exception {
        Matcher append = Pattern.compile("/messages?$").matcher(call.route());
        if (!call.method().equals("POST") || !append.find()) {
            return send(call.method(), call.route(), call.caller());
        }
        // To append would make one: it has to say what the other routes say.
        Answer ofOther = send("GET", call.route().substring(0, append.start()), call.caller());
        return new Answer(
                ofOther.status(),
                ofOther.headers(),
                ofOther.body().replace(conversationId, conversationId + append.group()));
    }

    /** A conversation of the owner with an unknown field. */
    private BsonDocument store() {
        BsonDocument conversation = BsonDocument.parse("""
                        {messages: [{role: 'user', content: 'Secret', timestamp: {$date: 1700000000000}}],
                         createdAt: {$date: 1700000000000}, updatedAt: {$date: 1700000000000}, title: 'Mine', __v: 3}
                        """)
                .append("conversationId", new BsonString(conversationId))
                .append("sessionId", new BsonString("s-" + run))
                .append("userId", new BsonString(name(Caller.OWNER)));
        conversations.insertOne(conversation);
        return conversation;
    }

    private String name(Caller caller) {
        return caller + "-" + run;
    }

    /** A response without the values that differ between calls. For an event stream, only its headers. */
    private record Answer(int status, Map<String, List<String>> headers, String body) {}

    private Answer send(String method, String route, Caller caller) throws IOException, InterruptedException {
        String path = route.replace("{conversationId}", conversationId)
                .replace("{sessionId}", "s-" + run)
                .replace("{index}", "0");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://localhost:" + RestAssured.port + path))
                .method(method, BodyPublishers.noBody());
        if (path.endsWith("/message") && method.equals("POST")) {
            request.POST(BodyPublishers.ofString("{\"content\": \"Hello\"}"))
                    .header("Content-Type", "application/json");
        }
        if (path.endsWith("/messages") && method.equals("POST")) {
            request.POST(BodyPublishers.ofString("{\"messages\": [{\"content\": \"Hello\"}]}"))
                    .header("Content-Type", "application/json");
        }
        if (method.equals("PATCH")) {
            String patch = path.endsWith("/messages/0") ? "{\"metadata\": {\"a\": 1}}" : "{\"title\": \"Theirs\"}";
            request.method(method, BodyPublishers.ofString(patch))
                    .header("Content-Type", "application/merge-patch+json");
        }
        switch (caller) {
            case NONE -> {}
            case EXPIRED -> request.header("Authorization", "Bearer " + Tokens.expired(name(Caller.OWNER)));
            case ADMIN -> request.header("Authorization", "Bearer " + Tokens.of(name(caller), "admin"));
            default -> request.header("Authorization", "Bearer " + Tokens.of(name(caller)));
        }
        HttpResponse<InputStream> response = HTTP.send(request.build(), BodyHandlers.ofInputStream());
        Map<String, List<String>> headers = new TreeMap<>(response.headers().map());
        headers.keySet().removeAll(Set.of("date", "content-length"));
        try (InputStream body = response.body()) {
            boolean events =
                    headers.getOrDefault("content-type", List.of()).toString().contains("text/event-stream");
            String text = events ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8);
            return new Answer(response.statusCode(), headers, text);
        }
    }
}
