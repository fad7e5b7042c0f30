package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.as;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.nullValue;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class CrossSiteTest {

    private static final String ALLOWED = "https://chat.example";

    private static RequestSpecification byCookie(String site, String origin) {
        RequestSpecification request = given().cookie("auth-token", Tokens.of("ann"));
        if (site != null) {
            request.header("Sec-Fetch-Site", site);
        }
        if (origin != null) {
            request.header(
                    "Origin", origin.replace("SELF", "http://localhost:PORT").replace("PORT", "" + RestAssured.port));
        }
        return request;
    }

    @ParameterizedTest
    @CsvSource({
        ",            ,                      201",
        "same-origin, SELF,                  201",
        "same-origin, ,                      201",
        "none,        ,                      201",
        "cross-site,  https://evil.example,  403",
        "cross-site,  ,                      403",
        ",            https://evil.example,  403",
        ",            null,                  403",
        ",            http://localhost,      403",
        ",            http://localhost:1,    403",
        "same-site,   https://evil.example,  403",
        "same-site,   ,                      403",
        "same-site,   SELF,                  403",
        "same-site,   https://chat.example,  201",
        "SAME-ORIGIN, ,                      403",
        "nonsense,    ,                      403",
        "'',          ,                      403",
        ",            SELF,                  201",
        "cross-site,  https://chat.example,  201",
    })
    void writeByCookieIsAcceptedFromOwnAndAllowedOriginsOnly(String site, String origin, int status) {
        byCookie(site, origin).post("/api/conversation/start").then().statusCode(status);
    }

    @Test
    void rejectionIsAProblemDocument() {
        byCookie("cross-site", null)
                .delete("/api/conversation?confirm=all")
                .then()
                .statusCode(403)
                .contentType("application/problem+json");
    }

    @Test
    void bearerTokenIsAcceptedFromAnyOrigin() {
        as("ann")
                .header("Sec-Fetch-Site", "cross-site")
                .post("/api/conversation/start")
                .then()
                .statusCode(201);
    }

    @ParameterizedTest
    @ValueSource(strings = {"Bearer ", "bearer ", "BEARER "})
    void cookieBesideBearerTokenIsIgnored(String scheme) {
        byCookie("cross-site", null)
                .header("Authorization", scheme + Tokens.of("bob"))
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("bob"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"Basic YTpi", "Bearer", "Bearera", "Digest a", "DPoP a", ""})
    void otherAuthorizationHeaderIsIgnored(String authorization) {
        byCookie("cross-site", null)
                .header("Authorization", authorization)
                .post("/api/conversation/start")
                .then()
                .statusCode(403);
        byCookie("same-origin", null)
                .header("Authorization", authorization)
                .post("/api/conversation/start")
                .then()
                .statusCode(201)
                .body("conversation.userId", equalTo("ann"));
    }

    @Test
    void invalidCookieFromAnotherSiteIsRejected() {
        given().cookie("auth-token", "a")
                .header("Sec-Fetch-Site", "cross-site")
                .post("/api/conversation/start")
                .then()
                .statusCode(403);
    }

    @Test
    void onlyAllowedOriginsMayReadResponses() {
        byCookie("cross-site", ALLOWED)
                .get("/api/conversation")
                .then()
                .statusCode(200)
                .header("Access-Control-Allow-Origin", equalTo(ALLOWED))
                .header("Access-Control-Allow-Credentials", equalTo("true"));
        given().header("Origin", ALLOWED)
                .header("Access-Control-Request-Method", "PATCH")
                .header("Access-Control-Request-Headers", "content-type,idempotency-key")
                .options("/api/conversation/x")
                .then()
                .statusCode(200)
                .header("Access-Control-Allow-Origin", equalTo(ALLOWED))
                .header("Access-Control-Max-Age", equalTo("7200"));
        byCookie("cross-site", "https://evil.example")
                .get("/api/conversation")
                .then()
                .header("Access-Control-Allow-Origin", nullValue());
    }
}
