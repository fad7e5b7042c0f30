package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.withToken;

import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.smallrye.jwt.build.Jwt;
import io.smallrye.jwt.build.JwtClaimsBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The issuer is also checked for tokens that a secret signs. */
@QuarkusTest
@TestProfile(IssuerTest.WithIssuer.class)
class IssuerTest {

    public static class WithIssuer implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("conversations.auth.issuer", "https://id.example");
        }
    }

    private static void assertStatus(int status, JwtClaimsBuilder claims) {
        String token = claims.subject("ann").expiresIn(60).signWithSecret(Tokens.SECRET);
        withToken(token).get("/api/conversation").then().statusCode(status);
    }

    @Test
    void onlyTokensOfTheIssuerAreAccepted() {
        assertStatus(200, Jwt.issuer("https://id.example"));
        assertStatus(401, Jwt.issuer("https://id.example.org"));
        assertStatus(401, Jwt.claims().remove("iss"));
    }
}
