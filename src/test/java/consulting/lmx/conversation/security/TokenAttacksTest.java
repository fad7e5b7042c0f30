package consulting.lmx.conversation.security;

import static consulting.lmx.conversation.testsupport.Calls.status;
import static consulting.lmx.conversation.testsupport.Calls.withToken;
import static org.hamcrest.Matchers.equalTo;

import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.KeyServerResource;
import consulting.lmx.conversation.testsupport.SigningKey;
import consulting.lmx.conversation.testsupport.Tokens;
import io.quarkus.test.common.ResourceArg;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import javax.crypto.spec.SecretKeySpec;
import org.awaitility.Awaitility;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.lang.JoseException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Attacks that depend on the keys of the JWKS. {@code abuse/tokens.txt} has the attacks by header and claims. */
@QuarkusTest
@WithTestResource(
        value = KeyServerResource.class,
        initArgs = {@ResourceArg(name = "conversations.auth.jwks.refresh", value = "1S")})
class TokenAttacksTest {

    private static final Map<String, Object> ANN = Map.of("sub", "ann");

    KeyServer server;

    private final SigningKey rsa = SigningKey.of("RS256");
    private final SigningKey curve = SigningKey.of("ES256");
    private final SigningKey edwards = SigningKey.of("EdDSA");
    private final SigningKey symmetric = SigningKey.of("HS256");
    private final SigningKey otherCurve = SigningKey.of("ES384");
    private final SigningKey weak = weak();
    private final SigningKey twin = named(SigningKey.of("ES256"), "twin");
    private final SigningKey otherTwin = named(SigningKey.of("ES256"), "twin");

    private static SigningKey named(SigningKey key, String id) {
        key.jwk().setKeyId(id);
        return key;
    }

    private static SigningKey weak() {
        try {
            RsaJsonWebKey key = RsaJwkGenerator.generateJwk(1024);
            return named(new SigningKey(key, "RS256"), "weak");
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
    }

    @BeforeEach
    void publish() {
        server.publish(rsa, curve, edwards, symmetric, otherCurve, weak, twin, otherTwin);
        Awaitility.await().until(() -> status(rsa.token("ann")) == 200);
    }

    @Test
    void tokenOfEachAcceptedAlgorithmIsAccepted() {
        Stream.of(rsa, curve, edwards).forEach(key -> assertStatus(200, key.token("ann")));
    }

    private static void assertStatus(int status, String token) {
        withToken(token).get("/api/conversation").then().statusCode(status);
    }

    @TestFactory
    Stream<DynamicTest> tokenIsRejected() {
        Map<String, String> tokens = new LinkedHashMap<>();
        secretsOfThePublicKey().forEach((name, secret) -> tokens.put("signed with " + name, secret));
        tokens.put("no id among several keys", rsa.token(ANN, Map.of()));
        tokens.put("an empty id", rsa.token(ANN, Map.of("kid", "")));
        tokens.put(
                "an id in other letters", rsa.token(ANN, Map.of("kid", rsa.id().toUpperCase(Locale.ROOT))));
        tokens.put("an id that two keys have", twin.token("ann"));
        tokens.put("the id of a key of another type", curve.token(ANN, Map.of("kid", rsa.id())));
        tokens.put("the id of yet another type", rsa.token(ANN, Map.of("kid", edwards.id())));
        for (String other : List.of("RS512", "PS256")) {
            tokens.put("a good key with " + other, rsa.with(other).token("ann"));
        }
        tokens.put("another curve", otherCurve.token("ann"));
        tokens.put("another curve under ES256", relabelled(otherCurve.token("ann"), "ES256", otherCurve.id()));
        tokens.put("a symmetric key of the set", symmetric.token("ann"));
        tokens.put("a key that is too short", weak.token("ann"));
        tokens.put("the secret of other installations", Tokens.of("ann"));
        tokens.put("a signature of zeros", relabelled(curve.token("ann"), "ES256", curve.id(), "A".repeat(86)));
        tokens.put("an encrypted token", "a.b.c.d.e");
        return tokens.entrySet().stream()
                .map(attack -> DynamicTest.dynamicTest(
                        attack.getKey(),
                        () -> withToken(attack.getValue())
                                .get("/api/conversation")
                                .then()
                                .statusCode(401)
                                .contentType("application/problem+json")
                                .body(
                                        "detail",
                                        equalTo("A valid token is required: send it as a bearer or in the cookie."))));
    }

    /** A verifier that trusts the algorithm of the token would use the public key as an HMAC secret, in one of these forms. */
    private Map<String, String> secretsOfThePublicKey() {
        Map<String, String> tokens = new LinkedHashMap<>();
        for (SigningKey key : List.of(rsa, curve, edwards)) {
            byte[] encoded = ((PublicJsonWebKey) key.jwk()).getPublicKey().getEncoded();
            String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(encoded);
            String pem = "-----BEGIN PUBLIC KEY-----\n" + base64 + "\n-----END PUBLIC KEY-----\n";
            Map<String, byte[]> forms = Map.of(
                    "the bytes of the public key", encoded,
                    "its PEM", pem.getBytes(StandardCharsets.UTF_8),
                    "its JSON", key.jwk().toJson().getBytes(StandardCharsets.UTF_8));
            forms.forEach((name, bytes) -> {
                for (String algorithm : List.of("HS256", "HS384", "HS512")) {
                    tokens.put(
                            name + " by " + algorithm + " for " + key.algorithm(),
                            SigningKey.sign(algorithm, new SecretKeySpec(bytes, "HMAC"), ANN, Map.of("kid", key.id())));
                }
            });
        }
        return tokens;
    }

    private static String signatureOf(String token) {
        return token.substring(token.lastIndexOf('.') + 1);
    }

    private static String relabelled(String token, String algorithm, String id) {
        return relabelled(token, algorithm, id, signatureOf(token));
    }

    private static String relabelled(String token, String algorithm, String id, String signature) {
        return part("{\"alg\":\"" + algorithm + "\",\"kid\":\"" + id + "\"}") + "." + token.split("\\.")[1] + "."
                + signature;
    }

    private static String part(String json) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }
}
