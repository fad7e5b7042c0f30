package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static consulting.lmx.conversation.testsupport.Calls.withToken;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@QuarkusTest
class AuthenticationTest {

    private static Response startWith(String token) {
        return given().header("Authorization", "Bearer " + token).post("/api/conversation/start");
    }

    @Test
    void tokenInTheCookieIsAccepted() {
        given().cookie("auth-token", Tokens.of("ann"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("ann"));
    }

    @Test
    void tokenInTheHeaderIsAccepted() {
        startWith(Tokens.of("ann")).then().statusCode(201).body("conversation.userId", equalTo("ann"));
    }

    static Stream<String> cookies() {
        return Stream.of(Tokens.expired("bob"), Tokens.of("bob"), "nonsense", "");
    }

    @ParameterizedTest
    @MethodSource("cookies")
    void bearerTokenTakesPrecedenceOverCookie(String cookie) {
        given().cookie("auth-token", cookie)
                .header("Authorization", "Bearer " + Tokens.of("ann"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("ann"));
    }

    /** The caller chose the bearer token; a browser adds the cookie by itself. */
    @ParameterizedTest
    @MethodSource("tokensThatAreNone")
    void invalidBearerTokenIsRejectedDespiteValidCookie(String bearer) {
        assertRefused(given().cookie("auth-token", Tokens.of("ann"))
                .header("Authorization", "Bearer " + bearer)
                .post("/api/conversation/start"));
    }

    @Test
    void callerIsTheSubjectOfTheToken() {
        String token = io.smallrye.jwt.build.Jwt.subject("ann")
                .upn("somebody@else")
                .preferredUserName("else")
                .expiresIn(60)
                .signWithSecret(Tokens.SECRET);
        startWith(token).then().body("conversation.userId", equalTo("ann"));
    }

    static Stream<String> tokensThatAreNone() {
        String good = Tokens.of("ann");
        String[] parts = good.split("\\.");
        String unsigned = part("{\"alg\":\"none\"}") + "." + parts[1] + ".";
        String otherAlgorithm = part("{\"alg\":\"HS384\",\"typ\":\"JWT\"}") + "." + parts[1] + "." + parts[2];
        String otherClaims = parts[0] + "."
                + part("{\"sub\":\"bob\",\"exp\":"
                        + Instant.now().plusSeconds(600).getEpochSecond() + "}") + "." + parts[2];
        return Stream.of(
                Tokens.expired("ann"),
                Tokens.signedBy("another-secret-of-32-bytes-or-more-to-sign-by", "ann"),
                Tokens.withoutSubject(),
                Tokens.of(" "),
                io.smallrye.jwt.build.Jwt.subject("ann")
                        .expiresAt(Instant.now().plusSeconds(60))
                        .jws()
                        .algorithm(io.smallrye.jwt.algorithm.SignatureAlgorithm.HS512)
                        .signWithSecret("a-secret-for-the-tests-of-32-bytes-or-more-and-then-as-many-again"),
                unsigned,
                unsigned + parts[2],
                otherAlgorithm,
                otherClaims,
                parts[0] + "." + parts[1],
                "nonsense",
                "a.b.c");
    }

    private static String part(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @MethodSource("tokensThatAreNone")
    void anythingElseIsRefused(String token) {
        assertRefused(startWith(token));
        assertRefused(given().cookie("auth-token", token).post("/api/conversation/start"));
    }

    @Test
    void callWithoutTokenIsRejectedOnEveryRoute() {
        assertRefused(given().post("/api/conversation/start"));
        assertRefused(given().contentType("application/json").body("{").post("/api/conversation/x/message"));
        assertRefused(given().get("/api/conversation/x"));
        assertRefused(given().delete("/api/conversation/x"));
        assertRefused(given().get("/api/admin/integrity"));
    }

    private static void assertRefused(Response response) {
        response.then()
                .statusCode(401)
                .contentType("application/problem+json")
                .body("status", equalTo(401))
                .body("title", equalTo("Unauthorized"))
                .body("type", equalTo("/problems#unauthorized"))
                .body("code", equalTo("unauthorized"));
    }

    @Test
    void reportRequiresRoleAdmin() {
        as("ann").get("/api/admin/integrity").then().statusCode(403).contentType("application/problem+json");
        withToken(Tokens.of("root", "admin"))
                .get("/api/admin/integrity")
                .then()
                .statusCode(200)
                .body("state", equalTo("VERIFIED"))
                .body("left", equalTo(0))
                .body("duplicatesLeft", equalTo(0));
    }

    @Test
    void probesAndMetricsNeedNoToken() {
        given().get("/q/health/live").then().statusCode(200);
        given().get("/q/health/ready").then().statusCode(200);
        given().get("/q/health/started").then().statusCode(200);
        given().get("/q/openapi").then().statusCode(200);
    }
}
