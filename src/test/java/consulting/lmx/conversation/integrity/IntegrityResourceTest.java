package consulting.lmx.conversation.integrity;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import consulting.lmx.conversation.testsupport.EventClient;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import jakarta.inject.Inject;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.awaitility.Awaitility;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

@QuarkusTest
class IntegrityResourceTest {

    private static final String PATH = "/api/admin/integrity";

    @TestHTTPResource("/")
    URI root;

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private static RequestSpecification admin() {
        return given().auth().oauth2(Tokens.of("root", "admin"));
    }

    @Test
    void healRequiresTheRoleAdmin() {
        given().post(PATH + "/heal").then().statusCode(401);
        given().auth().oauth2(Tokens.of("ann")).post(PATH + "/heal").then().statusCode(403);
    }

    @Test
    void eventsContainTheReportAfterEachChange() throws Exception {
        given().get(PATH + "/events").then().statusCode(401);
        given().auth().oauth2(Tokens.of("ann")).get(PATH + "/events").then().statusCode(403);
        try (EventClient events = EventClient.open(root.resolve(PATH + "/events"), Tokens.of("root", "admin"))) {
            assertThat(events.await(1).get(0).name()).isEqualTo("integrity");
            assertThat(JsonPath.from(events.events().get(0).data()).getMap(""))
                    .isEqualTo(admin().get(PATH).jsonPath().getMap(""));
            String run = admin().post(PATH + "/heal").path("run");
            Awaitility.await()
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> events.events().stream()
                            .map(event -> JsonPath.from(event.data()))
                            .anyMatch(report -> run.equals(report.getString("run"))
                                    && "VERIFIED".equals(report.getString("state"))));
        }
    }

    /** Inserts past the validator, as another program could. */
    private void insertPast(BsonDocument document) {
        if (TestServer.isGenuine()) {
            client.getDatabase(database)
                    .runCommand(BsonDocument.parse(
                            "{insert: 'conversations', bypassDocumentValidation: true, writeConcern: {w: 'majority'}, documents: ["
                                    + document.toJson() + "]}"))
                    .await()
                    .indefinitely();
        } else {
            client.getDatabase(database)
                    .getCollection("conversations", BsonDocument.class)
                    .insertOne(document.clone()) // it is given an _id
                    .await()
                    .indefinitely();
        }
    }

    @Test
    void requestedHealRunsBesideTheTraffic() {
        String id = "past-" + UUID.randomUUID();
        insertPast(new BsonDocument("conversationId", new BsonString(id)).append("userId", new BsonString("ann")));

        String run =
                admin().post(PATH + "/heal").then().statusCode(202).extract().path("run");
        given().get("/q/health/ready").then().statusCode(200);
        given().auth()
                .oauth2(Tokens.of("ann"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201);

        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> admin().get(PATH)
                        .then()
                        .body("state", equalTo("VERIFIED"))
                        .body("run", equalTo(run)));
        admin().get(PATH).then().body("healed", equalTo(1)).body("broken.missing", equalTo(1));
        String sessionId = given().auth()
                .oauth2(Tokens.of("ann"))
                .get("/api/conversation/" + id)
                .path("sessionId");
        assertThat(UUID.fromString(sessionId)).hasToString(sessionId);
    }

    @Test
    void dryRunCountsWhatIsBrokenAndWritesNothing() {
        String id = "past-" + UUID.randomUUID();
        BsonDocument broken = new BsonDocument("conversationId", new BsonString(id))
                .append("sessionId", new BsonString("  "))
                .append("userId", new BsonString("ann"));
        insertPast(broken);
        String state = admin().get(PATH).path("since");

        String run = admin().post(PATH + "/heal?dryRun=true")
                .then()
                .statusCode(202)
                .extract()
                .path("run");
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> admin().get(PATH)
                        .then()
                        .body("dryRun.run", equalTo(run))
                        .body("dryRun.endedAt", notNullValue())
                        .body("dryRun.report.broken.blank", equalTo(1))
                        .body("dryRun.report.left", equalTo(1))
                        .body("since", equalTo(state)));
        BsonDocument stored = client.getDatabase(database)
                .getCollection("conversations", BsonDocument.class)
                .find(new BsonDocument("conversationId", new BsonString(id)))
                .toUni()
                .await()
                .indefinitely();
        stored.remove("_id");
        assertThat(stored).isEqualTo(broken);

        String heal = admin().post(PATH + "/heal").path("run");
        Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> admin().get(PATH)
                        .then()
                        .body("state", equalTo("VERIFIED"))
                        .body("run", equalTo(heal)));
        given().auth()
                .oauth2(Tokens.of("ann"))
                .get("/api/conversation/" + id)
                .then()
                .body("sessionIdRepair.reason", equalTo("blank"))
                .body("sessionIdRepair.was", equalTo("  "))
                .body("sessionIdRepair.at", notNullValue())
                .body("conversationIdRepair", nullValue());
    }

    @Test
    void dryRunWithAnInvalidValueStartsNoHeal() {
        String since = admin().get(PATH).path("since");
        for (String word : List.of("yes", "1", "TRUE")) {
            admin().post(PATH + "/heal?dryRun=" + word).then().statusCode(400);
        }
        admin().get(PATH).then().body("since", equalTo(since));
    }
}
