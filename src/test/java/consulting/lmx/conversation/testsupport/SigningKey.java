package consulting.lmx.conversation.testsupport;

import java.security.Key;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.bson.Document;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwk.EcJwkGenerator;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKey.OutputControlLevel;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.OctJwkGenerator;
import org.jose4j.jwk.OkpJwkGenerator;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.keys.EllipticCurves;
import org.jose4j.lang.JoseException;

/** A key of an identity provider, made for the test, which signs tokens as one would, or as an attacker would. */
public record SigningKey(JsonWebKey jwk, String algorithm) {

    public static SigningKey of(String algorithm) {
        try {
            JsonWebKey jwk = switch (algorithm) {
                case "RS256", "RS512", "PS256" -> RsaJwkGenerator.generateJwk(2048);
                case "ES256" -> EcJwkGenerator.generateJwk(EllipticCurves.P256);
                case "ES384" -> EcJwkGenerator.generateJwk(EllipticCurves.P384);
                case "EdDSA" -> OkpJwkGenerator.generateJwk("Ed25519");
                case "HS256" -> OctJwkGenerator.generateJwk(256);
                default -> throw new IllegalArgumentException(algorithm);
            };
            jwk.setKeyId(algorithm + "-" + UUID.randomUUID());
            return new SigningKey(jwk, algorithm);
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The same key, used with another algorithm. */
    public SigningKey with(String otherAlgorithm) {
        return new SigningKey(jwk, otherAlgorithm);
    }

    public String id() {
        return jwk.getKeyId();
    }

    /** A token as it should be. */
    public String token(String subject) {
        return token(Map.of("sub", subject));
    }

    /** A token that ends in ten minutes, with these claims besides. */
    public String token(Map<String, Object> claims) {
        return token(claims, Map.of("kid", id()));
    }

    /** A token that names its key in no other way than by {@code header}. */
    public String token(Map<String, Object> claims, Map<String, Object> header) {
        Key key = jwk instanceof org.jose4j.jwk.PublicJsonWebKey pair ? pair.getPrivateKey() : jwk.getKey();
        return sign(algorithm, key, claims, header);
    }

    public static String sign(String algorithm, Key key, Map<String, Object> claims, Map<String, Object> header) {
        try {
            Map<String, Object> all = new TreeMap<>(claims);
            all.putIfAbsent("exp", Instant.now().plusSeconds(600).getEpochSecond());
            JsonWebSignature token = new JsonWebSignature();
            token.setAlgorithmConstraints(AlgorithmConstraints.NO_CONSTRAINTS);
            token.setDoKeyValidation(false);
            token.setPayload(new Document(all).toJson());
            token.setAlgorithmHeaderValue(algorithm);
            header.forEach(token.getHeaders()::setObjectHeaderValue);
            token.setKey(key);
            return token.getCompactSerialization();
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The public halves as a JWKS; a symmetric key stands in it whole. */
    public static String jwks(SigningKey... keys) {
        return new JsonWebKeySet(Arrays.stream(keys).map(SigningKey::jwk).toList())
                .toJson(OutputControlLevel.INCLUDE_SYMMETRIC);
    }
}
