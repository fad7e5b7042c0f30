package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.oneOf;
import static org.hamcrest.Matchers.startsWith;

import consulting.lmx.conversation.store.ConversationFields;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.bson.BsonDocument;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonDocumentCodec;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("slow")
@QuarkusTest
class ListingTest {

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final String user = "user-" + UUID.randomUUID();

    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection(ConversationFields.COLLECTION, BsonDocument.class);
    }

    private RequestSpecification as(String caller) {
        return given().auth().oauth2(Tokens.of(caller)).contentType(ContentType.JSON);
    }

    private void insert(String id, String fields) {
        raw().insertOne(BsonDocument.parse(
                        "{conversationId: '%s', sessionId: 's-%s', userId: '%s' %s}".formatted(id, id, user, fields)))
                .await()
                .indefinitely();
    }

    private String id(int i) {
        return user + "-" + i;
    }

    private List<String> allPages(int limit, Runnable between) {
        return allPages(limit, Map.of(), between);
    }

    private List<String> allPages(int limit, Map<String, String> filter, Runnable between) {
        List<String> seen = new ArrayList<>();
        String cursor = null;
        do {
            RequestSpecification request = as(user).queryParam("limit", limit).queryParams(filter);
            Response page = (cursor == null ? request : request.queryParam("after", cursor)).get("/api/conversation");
            page.then().statusCode(200);
            List<String> ids = page.path("data.conversationId");
            assertThat(ids).hasSizeLessThanOrEqualTo(limit);
            seen.addAll(ids);
            cursor = page.path("nextCursor");
            assertThat((Boolean) page.path("hasMore")).isEqualTo(cursor != null);
            between.run();
        } while (cursor != null);
        return seen;
    }

    @Test
    void conversationsComeNewestFirstAndThoseWithoutADateLast() {
        IntStream.range(0, 25)
                .forEach(i -> insert(id(i), ", updatedAt: {$date: " + (1000 + i / 3) + "}, title: 't', messages: []"));
        insert(id(100), "");
        insert(id(101), ", updatedAt: null");
        List<String> seen = allPages(4, () -> {});
        assertThat(seen).hasSize(27).doesNotHaveDuplicates();
        assertThat(seen.subList(25, 27)).containsExactlyInAnyOrder(id(100), id(101));
        assertThat(seen.get(0)).isEqualTo(id(24));
        as(user).get("/api/conversation")
                .then()
                .body("data", hasSize(27))
                .body("data[0].title", equalTo("t"))
                .body("data[0].userId", equalTo(user))
                .body("data[0].messages", nullValue())
                .body("hasMore", equalTo(false))
                .body("nextCursor", nullValue());
    }

    @Test
    void pagesStayRightWhileConversationsComeAndGo() {
        IntStream.range(0, 20).forEach(i -> insert(id(i), ", updatedAt: {$date: " + (1000 + i) + "}"));
        int[] more = {1000};
        List<String> seen = allPages(3, () -> {
            insert(id(more[0]), ", updatedAt: {$date: " + (5000 + more[0]++) + "}");
            raw().deleteOne(new BsonDocument("conversationId", new org.bson.BsonString(id(19))))
                    .await()
                    .indefinitely();
        });
        assertThat(seen)
                .containsExactlyElementsOf(IntStream.range(0, 20)
                        .map(i -> 19 - i)
                        .mapToObj(this::id)
                        .toList());
    }

    @Test
    void listShowsTheBeginningOfTheNewestMessage() {
        String text = "\u00e4\u4e2d";
        insert(
                id(0),
                ", messages: [{role: 'user', content: 'Hi', timestamp: {$date: 5}}, {role: 'assistant', content: '"
                        + text.repeat(300) + "', timestamp: {$date: 1000}}]");
        insert(id(1), ", messages: [{role: 'user', content: 'Hi', timestamp: {$date: 1000}}]");
        insert(id(2), ", messages: []");
        insert(id(3), ", messages: 'text'");
        insert(id(4), ", messages: [{role: 'user', content: 'Hi'}, {role: 5, content: {}, timestamp: 'now', big: 1}]");
        Response list = as(user).get("/api/conversation");
        list.then().statusCode(200).body("data", hasSize(5));
        assertThat(last(list, 0))
                .containsOnly(
                        Map.entry("role", "assistant"),
                        Map.entry("content", text.repeat(100)),
                        Map.entry("timestamp", "1970-01-01T00:00:01.000Z"));
        assertThat(last(list, 1)).containsEntry("role", "user").containsEntry("content", "Hi");
        assertThat(last(list, 2)).isNull();
        assertThat(last(list, 3)).isNull();
        assertThat(last(list, 4)).isEmpty();
    }

    @Test
    void contentInAListIsCutBetweenCharacters() {
        TestServer.assumeGenuine("characters outside the Basic Multilingual Plane");
        insert(id(0), ", messages: [{role: 'user', content: '" + "\ud83d\ude00".repeat(300) + "'}]");
        assertThat(last(as(user).get("/api/conversation"), 0)).containsEntry("content", "\ud83d\ude00".repeat(200));
    }

    /** A genuine server reads each of these messages; the embedded one fails, so the list leaves out the newest messages. */
    @Test
    void conversationIsListedWhateverItsNewestMessageIs() {
        insert(id(0), ", messages: [{role: 'user', content: 'Hi'}]");
        insert(id(1), ", messages: [{role: 'user', content: 'Hi'}, 'text']");
        insert(id(2), ", messages: [{role: 'user', content: 'Hi'}, 5]");
        insert(id(3), ", messages: [null]");
        Response list = as(user).get("/api/conversation");
        list.then().statusCode(200).body("data", hasSize(4));
        IntStream.range(1, 4)
                .forEach(i -> assertThat(last(list, i))
                        .satisfiesAnyOf(
                                last -> assertThat(last).isNull(),
                                last -> assertThat(last).isEmpty()));
        TestServer.assumeGenuine("fields of values that are no documents");
        assertThat(last(list, 0)).containsEntry("content", "Hi");
    }

    @Test
    void textThatIsNotUtf8IsListed() {
        byte[] bytes = new RawBsonDocument(
                        BsonDocument.parse(
                                "{conversationId: '%s', sessionId: 's-%s', userId: '%s', messages: [{role: 'user', content: 'a####'}]}"
                                        .formatted(id(0), id(0), user)),
                        new BsonDocumentCodec())
                .getByteBuffer()
                .array()
                .clone();
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = bytes[i] == '#' ? (byte) 0xFF : bytes[i];
        }
        client.getDatabase(database)
                .getCollection(ConversationFields.COLLECTION, RawBsonDocument.class)
                .insertOne(new RawBsonDocument(bytes))
                .await()
                .indefinitely();
        as(user).get("/api/conversation").then().statusCode(200).body("data.conversationId", contains(id(0)));
    }

    private Map<String, String> last(Response list, int i) {
        return list.path("data.find { it.conversationId == '" + id(i) + "' }.lastMessage");
    }

    @Test
    void archivedConversationsAreListedOnRequest() {
        List<String> stored = List.of(
                "archived: true", "archived: false", "x: 1", "archived: null", "archived: 'true'", "archived: 1");
        IntStream.range(0, 18)
                .forEach(i -> insert(id(i), ", updatedAt: {$date: " + (1000 - i) + "}, " + stored.get(i % 6)));
        assertThat(listed("true")).containsExactly(id(0), id(6), id(12));
        assertThat(listed("false"))
                .containsExactlyElementsOf(IntStream.range(0, 18)
                        .filter(i -> i % 6 != 0)
                        .mapToObj(this::id)
                        .toList());
        List<Boolean> shown = as(user).get("/api/conversation").path("data.archived");
        assertThat(shown)
                .containsExactlyElementsOf(
                        IntStream.range(0, 18).mapToObj(i -> i % 6 == 0).toList());
    }

    private List<String> listed(String archived) {
        return allPages(2, Map.of("archived", archived), () -> {});
    }

    /** What the server reads for a page: the page, or at most the conversations of the caller. */
    @ParameterizedTest
    @CsvSource({"{}, 11", "{archived: true}, 60", "{archived: {$ne: true}}, 60"})
    void listExaminesNoConversationOfOthers(String filter, int most) {
        TestServer.assumeGenuine("query plans");
        IntStream.range(0, 60).forEach(i -> insert(id(i), ", archived: " + (i == 59)));
        BsonDocument plan = client.getDatabase(database)
                .runCommand(
                        BsonDocument.parse(("{explain: {find: 'conversations', filter: {$and: [{userId: '%s'}, %s]},"
                                        + " sort: {updatedAt: -1, _id: -1}, limit: 11}, verbosity: 'executionStats'}")
                                .formatted(user, filter)),
                        BsonDocument.class)
                .await()
                .indefinitely();
        assertThat(plan.getDocument("executionStats")
                        .getNumber("totalDocsExamined")
                        .intValue())
                .isLessThanOrEqualTo(most);
    }

    @Test
    void listIsTheCallersAlone() {
        insert(id(1), "");
        as("somebody-" + UUID.randomUUID())
                .get("/api/conversation")
                .then()
                .statusCode(200)
                .body("data", hasSize(0))
                .body("hasMore", equalTo(false));
    }

    @Test
    void listIsReadThroughItsIndex() {
        TestServer.assumeGenuine("query plans");
        BsonDocument plan = client.getDatabase(database)
                .runCommand(
                        BsonDocument.parse(
                                "{explain: {find: 'conversations', filter: {userId: 'u'}, sort: {updatedAt: -1, _id: -1}, limit: 10}}"),
                        BsonDocument.class)
                .await()
                .indefinitely();
        assertThat(plan.toJson()).contains("\"stage\": \"IXSCAN\"").doesNotContain("\"stage\": \"SORT\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "limit=0",
                "limit=101",
                "limit=x",
                "limit=1.0",
                "limit=99999999999",
                "limit=",
                "limit=1&limit=2",
                "archived=",
                "archived=yes",
                "archived=true&archived=false",
                "after=",
                "after=nonsense",
                "after=e30"
            })
    void badPageIsRefused(String query) {
        as(user).get("/api/conversation?" + query)
                .then()
                .statusCode(400)
                .contentType("application/problem+json")
                .body("violations[0].field", containsString(query.substring(0, query.indexOf('='))));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"a\\u0000\": 1}",
                "{\"$oid\": \"zz\"}",
                "{\"$binary\": {\"base64\": \"!!\", \"subType\": \"04\"}}",
                "DEEP"
            })
    void cursorThatWasNeverGivenOutIsRefused(String place) {
        String deep = "{\"a\":".repeat(400) + "1" + "}".repeat(400);
        String cursor = "{\"u\": null, \"i\": " + (place.equals("DEEP") ? deep : place) + "}";
        as(user).queryParam(
                        "after",
                        Base64.getUrlEncoder().withoutPadding().encodeToString(cursor.getBytes(StandardCharsets.UTF_8)))
                .get("/api/conversation")
                .then()
                .statusCode(400)
                .contentType("application/problem+json")
                .body("violations[0].field", equalTo("after"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "                       | 5,6,7,8,9   | true",
                "?limit=20              | 0,1,2,3,4,5,6,7,8,9 | false",
                "?limit=3&before=5      | 2,3,4       | true",
                "?limit=3&before=3      | 0,1,2       | false",
                "?limit=3&before=0      | ''          | false",
                "?limit=3&before=99     | 7,8,9       | true",
                "?limit=3&after=4       | 5,6,7       | true",
                "?limit=3&after=6       | 7,8,9       | false",
                "?limit=3&after=-1      | 0,1,2       | true",
                "?limit=3&after=9       | ''          | false",
                "?limit=3&after=2&before=5 | 3,4      | false",
                "?limit=2&after=2&before=9 | 3,4      | true"
            })
    void messagesComeInPagesAscending(String query, String indexes, boolean hasMore) {
        StringBuilder messages = new StringBuilder();
        IntStream.range(0, 10)
                .forEach(i -> messages.append(i == 0 ? "" : ",").append("{role: 'user', content: 'm" + i + "'}"));
        insert(id(0), ", messages: [" + messages + "]");
        String path = "/api/conversation/" + id(0) + "/messages" + (query == null ? "?limit=5" : query);
        Response page = as(user).get(path);
        page.then().statusCode(200).body("hasMore", equalTo(hasMore));
        List<Integer> expected = indexes.isEmpty()
                ? List.of()
                : List.of(indexes.split(",")).stream().map(Integer::parseInt).toList();
        assertThat(page.<List<Integer>>path("data.index")).isEqualTo(expected);
        assertThat(page.<List<String>>path("data.content"))
                .isEqualTo(expected.stream().map(i -> "m" + i).toList());
        as("stranger").get(path).then().statusCode(404);
    }

    @Test
    void sessionLeadsToItsConversation() {
        insert(id(0), "");
        as(user).get("/api/session/s-" + id(0)).then().statusCode(200).body("conversationId", equalTo(id(0)));
        as("stranger").get("/api/session/s-" + id(0)).then().statusCode(404).contentType("application/problem+json");
        as(user).get("/api/session/none").then().statusCode(404);
    }

    @Test
    void everythingOfTheCallersIsDeletedOnceItIsConfirmed() {
        IntStream.range(0, 3).forEach(i -> insert(id(i), ""));
        as(user).delete("/api/conversation").then().statusCode(400).body("violations[0].field", equalTo("confirm"));
        as(user).delete("/api/conversation?confirm=yes").then().statusCode(400);
        as(user).get("/api/conversation").then().body("data", hasSize(3));
        as("stranger-" + user)
                .delete("/api/conversation?confirm=all")
                .then()
                .statusCode(200)
                .body("deleted", equalTo(0));
        as(user).delete("/api/conversation?confirm=all").then().statusCode(200).body("deleted", equalTo(3));
        as(user).get("/api/conversation").then().body("data", hasSize(0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"$where\": 1}",
                "{\".a\": 1}",
                "{\"a\\u0000b\": 1}",
                "{\"a\": {\"b\": {\"c\": {\"d\": {\"e\": 1}}}}}",
                "{\"a\": [[[[1]]]]}",
                "{\"a\": 99999999999999999999}",
                "{\"a\": 1e999}",
                "{\"a\": -1e400}",
                "{\"a\": 1e-400}",
                "{\"a\": 1e99999999999}",
                "{\"a\": 123456789012345678901234567890}",
                "{\"a\": 9223372036854775808}",
                "{\"a\": 9007199254740993.0}",
                "{\"a\": 1.00000000000000000001}",
                "{\"a\": \"\\ud800\"}",
                "{\"k0\":0,\"k1\":0,\"k2\":0,\"k3\":0,\"k4\":0,\"k5\":0,\"k6\":0,\"k7\":0,\"k8\":0,\"k9\":0,\"k10\":0,\"k11\":0,\"k12\":0,\"k13\":0,\"k14\":0,\"k15\":0,\"k16\":0}"
            })
    void metadataOutOfBoundsIsRefused(String metadata) {
        as(user).body("{\"metadata\": " + metadata + "}")
                .post("/api/conversation/start")
                .then()
                .statusCode(400)
                .body("violations[0].field", startsWith("metadata"));
    }

    @Test
    void metadataThatIsTooLargeIsRefused() {
        as(user).body("{\"metadata\": {\"a\": \"" + "x".repeat(8200) + "\"}}")
                .post("/api/conversation/start")
                .then()
                .statusCode(400);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0.1",
                "1e2",
                "-0.0",
                "5e-324",
                "1.7976931348623157e308",
                "1e23",
                "123456789.12345678",
                "0.30000000000000004",
                "0.1000000000000000055511151231257827",
                "9223372036854775807",
                "-9223372036854775808"
            })
    void numberIsKept(String number) {
        Response started =
                as(user).body("{\"metadata\": {\"a\": " + number + "}}").post("/api/conversation/start");
        started.then().statusCode(201);
        String answer = as(user).get("/api/conversation/" + started.path("conversationId"))
                .asString();
        String kept = answer.replaceAll(".*\"metadata\": *\\{ *\"a\": *([^ }]*) *}.*", "$1");
        assertThat(Double.parseDouble(kept)).isEqualTo(Double.parseDouble(number) + 0.0);
        assertThat(kept.contains(".")).isEqualTo(number.matches(".*[.e].*"));
    }

    @Test
    void metadataIsKeptAsItCame() {
        String metadata =
                "{\"a.b\":1,\"n\":9007199254740993,\"f\":0.1,\"t\":true,\"z\":null,\"l\":[1,\"x\",{\"d\":2}]}";
        Response started = as(user).body("{\"metadata\": " + metadata + "}").post("/api/conversation/start");
        started.then().statusCode(201);
        String answer = as(user).get("/api/conversation/" + started.path("conversationId"))
                .asString()
                .replace(" ", "");
        assertThat(answer).contains("\"metadata\":" + metadata);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void noConversationVanishesWhateverIsStoredAsItsDateOrItsKey(int limit) {
        List<String> dates = List.of(
                "{$date: 1000}",
                "{$date: 1000}",
                "{$date: 2000}",
                "'2024-01-01'",
                "'yesterday'",
                "''",
                "1700000000000",
                "{$numberDouble: '1.5'}",
                "{$numberDouble: '-Infinity'}",
                "{$numberDouble: 'NaN'}",
                "[{$date: 500}, {$date: 3000}]",
                "['text', 5]",
                "null",
                "true",
                "{a: 1}",
                "{$oid: '67c2532e5d9dc9f81818e811'}",
                "{$timestamp: {t: 5, i: 1}}",
                "{$binary: {base64: 'AAAA', subType: '00'}}");
        List<String> keys = List.of("1", "'key'", "{$oid: '67c2532e5d9dc9f8181%05x'}", "{n: 1}", "{$date: 5}");
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < dates.size() * 2; i++) {
            String key = keys.get(i % keys.size());
            String unique = key.contains("%")
                    ? key.formatted(Integer.parseInt(unique(i)))
                    : key.replaceAll("1|key|5", "$0" + unique(i));
            ids.add(id(i));
            insert(id(i), ", updatedAt: " + dates.get(i % dates.size()) + ", _id: " + unique);
        }
        insert(id(500), "");
        insert(id(501), ", _id: 'x" + user + "'");
        ids.add(id(500));
        ids.add(id(501));
        assertThat(allPages(limit, () -> {})).containsExactlyInAnyOrderElementsOf(ids);
    }

    private static final AtomicInteger KEYS = new AtomicInteger();

    private static String unique(int i) {
        return String.valueOf(1_000 * KEYS.incrementAndGet() + i);
    }

    @ParameterizedTest
    @ValueSource(ints = {40, 400, 450})
    void cursorThatIsNestedDeepIsRefused(int depth) {
        String deep = "{\"a\":".repeat(depth) + "1" + "}".repeat(depth);
        as(user).queryParam(
                        "after",
                        Base64.getUrlEncoder()
                                .withoutPadding()
                                .encodeToString(("{\"u\":null,\"i\":" + deep + "}").getBytes(StandardCharsets.UTF_8)))
                .get("/api/conversation")
                .then()
                .statusCode(oneOf(400, 414));
    }

    /** The server cannot print such a date, and fails if an expression contains it. */
    @Test
    void cursorThatTheServerRejectsIsInvalid() {
        TestServer.assumeGenuine("dates beyond the year 9999");
        String place = "{\"u\": {\"$date\": {\"$numberLong\": \"9000000000000000\"}}, \"i\": 1}";
        as(user).queryParam("after", Base64.getUrlEncoder().encodeToString(place.getBytes(StandardCharsets.UTF_8)))
                .get("/api/conversation")
                .then()
                .statusCode(400)
                .body("violations[0].field", equalTo("after"));
    }
}
