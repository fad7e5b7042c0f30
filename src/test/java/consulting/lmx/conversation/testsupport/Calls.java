package consulting.lmx.conversation.testsupport;

import static io.restassured.RestAssured.given;

import io.restassured.specification.RequestSpecification;

/** Requests to the service that runs in the JVM of the tests. */
public final class Calls {

    private Calls() {}

    /** A request of {@code caller}. */
    public static RequestSpecification as(String caller) {
        return withToken(Tokens.of(caller));
    }

    /** A request with a bearer token. */
    public static RequestSpecification withToken(String token) {
        return given().auth().oauth2(token);
    }

    /** The status of a read with a bearer token. */
    public static int status(String token) {
        return withToken(token).get("/api/conversation").statusCode();
    }
}
