package consulting.lmx.conversation.security;

import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import java.security.PublicKey;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jose4j.jwk.EllipticCurveJsonWebKey;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.OctetKeyPairJsonWebKey;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.Use;
import org.jose4j.keys.EllipticCurves;

/**
 * A public key that tokens may be signed by, and the one algorithm that it is used with: which that is, the key decides and
 * never the token.
 *
 * @param id null where the JWKS gives it none
 */
record TrustedKey(String id, SignatureAlgorithm algorithm, PublicKey key) {

    /** What a token may be signed with, as its header names it. */
    static final Set<String> ALGORITHMS = Set.of("RS256", "ES256", "EdDSA");

    /** Empty where the key is none to verify with, or for another algorithm than RS256, ES256 and EdDSA over Ed25519. */
    static Optional<TrustedKey> of(JsonWebKey jwk) {
        return algorithmOf(jwk)
                .filter(algorithm -> isForSignatures(jwk))
                .filter(algorithm ->
                        jwk.getAlgorithm() == null || jwk.getAlgorithm().equals(algorithm.getAlgorithm()))
                .map(algorithm -> new TrustedKey(jwk.getKeyId(), algorithm, ((PublicJsonWebKey) jwk).getPublicKey()));
    }

    private static Optional<SignatureAlgorithm> algorithmOf(JsonWebKey jwk) {
        if (jwk instanceof RsaJsonWebKey) {
            return Optional.of(SignatureAlgorithm.RS256);
        }
        if (jwk instanceof EllipticCurveJsonWebKey curve && EllipticCurves.P_256.equals(curve.getCurveName())) {
            return Optional.of(SignatureAlgorithm.ES256);
        }
        if (jwk instanceof OctetKeyPairJsonWebKey pair
                && OctetKeyPairJsonWebKey.SUBTYPE_ED25519.equals(pair.getSubtype())) {
            return Optional.of(SignatureAlgorithm.EDDSA);
        }
        return Optional.empty();
    }

    private static boolean isForSignatures(JsonWebKey jwk) {
        List<String> operations = jwk.getKeyOps();
        return (jwk.getUse() == null || jwk.getUse().equals(Use.SIGNATURE))
                && (operations == null || operations.contains("verify"));
    }
}
