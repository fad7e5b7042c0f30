package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.withToken;

import consulting.lmx.conversation.testsupport.SigningKey;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import javax.crypto.spec.SecretKeySpec;
import org.bson.Document;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The required audience, and the claim with the roles. */
@QuarkusTest
@TestProfile(TokenClaimsTest.WithAudienceAndRoles.class)
class TokenClaimsTest {

    public static class WithAudienceAndRoles implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "conversations.auth.audience", "https://api.example",
                    "conversations.auth.roles-claim", "realm_access.roles");
        }
    }

    private static String token(String claims) {
        SecretKeySpec key = new SecretKeySpec(Tokens.SECRET.getBytes(StandardCharsets.UTF_8), "HMAC");
        return SigningKey.sign("HS256", key, Document.parse("{\"sub\": \"ann\", " + claims + "}"), Map.of());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "200 | 'aud': 'https://api.example'",
                "200 | 'aud': ['https://api.example']",
                "200 | 'aud': ['https://other.example', 'https://api.example']",
                "401 | 'aud': 'https://api.example/'",
                "401 | 'aud': 'https://api.example.org'",
                "401 | 'aud': 'HTTPS://api.example'",
                "401 | 'aud': ' https://api.example'",
                "401 | 'aud': 'https://other.example https://api.example'",
                "401 | 'aud': ['https://other.example']",
                "401 | 'aud': [['https://api.example']]",
                "401 | 'aud': ['https://api.example', 5]",
                "401 | 'aud': {'https://api.example': 1}",
                "401 | 'aud': []",
                "401 | 'aud': ''",
                "401 | 'aud': null",
                "401 | 'aud': 5",
                "401 | 'aud': true",
                "401 | 'azp': 'https://api.example'",
                "401 | 'AUD': 'https://api.example'",
            })
    void onlyTokensForTheAudienceAreAccepted(int status, String claims) {
        String token = token(claims.replace('\'', '"'));
        for (int time = 0; time < 2; time++) {
            withToken(token).get("/api/conversation").then().statusCode(status);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "200 | 'realm_access': {'roles': ['user', 'admin']}",
                "200 | 'realm_access': {'roles': 'user admin'}",
                "200 | 'realm_access.roles': ['admin']",
                "200 | 'realm_access': {'roles': ['admin']}, 'groups': {'a': 1}",
                "200 | 'realm_access': {'roles': ['admin', 5, null, ['a']]}",
                "403 | 'groups': ['admin']",
                "403 | 'roles': ['admin']",
                "403 | 'groups': ['admin'], 'realm_access': {}",
                "403 | 'groups': ['admin'], 'realm_access': {'roles': []}",
                "403 | 'groups': ['admin'], 'realm_access': {'roles': null}",
                "403 | 'groups': ['admin'], 'realm_access': null",
                "403 | 'groups': ['admin'], 'realm_access': 'admin'",
                "403 | 'groups': ['admin'], 'realm_access': ['admin']",
                "403 | 'groups': ['admin'], 'realm_access': {'groups': ['admin']}",
                "403 | 'groups': ['user'], 'realm_access': {'roles': ['user']}, 'roleMappings': {'user': 'admin'}",
                "403 | 'realm_access': {'roles': ['Admin', 'ADMIN', 'admin ', 'administrator']}",
                "403 | 'realm_access': {'roles': 'user,admin'}",
                "403 | 'realm_access': {'roles': [['admin']]}",
                "403 | 'realm_access': {'roles': ['admin user']}",
                "403 | 'realm_access.roles': ['user'], 'realm_access': {'roles': ['admin']}",
                "403 | 'realm_access': {'roles.admin': ['admin']}",
                "401 | 'realm_access': {'roles': {'admin': 1}}",
                "401 | 'realm_access': {'roles': 5}",
                "401 | 'realm_access': {'roles': true}",
            })
    void rolesComeFromTheConfiguredClaimOnly(int status, String claims) {
        String token = token("\"aud\": \"https://api.example\", " + claims.replace('\'', '"'));
        for (int time = 0; time < 2; time++) {
            withToken(token).get("/api/admin/integrity").then().statusCode(status);
        }
    }
}
