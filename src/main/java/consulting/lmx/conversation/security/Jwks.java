package consulting.lmx.conversation.security;

import java.security.Key;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jwk.SimpleJwkFilter;
import org.jose4j.jwk.Use;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.lang.JoseException;

/**
 * The public keys of a JWKS (RFC 7517) that may verify signatures.
 *
 * @param publicKeys the same keys without their metadata
 */
record Jwks(List<JsonWebKey> keys, Set<Key> publicKeys) {

    /** Signature algorithms that are accepted. Each one has its own type of key, so that a key cannot be used with another one. */
    static final Set<String> ALGORITHMS = Set.of("RS256", "ES256", "EdDSA");

    static final Jwks EMPTY = new Jwks(List.of(), Set.of());

    /**
     * Leaves out symmetric keys, keys for encryption and entries that are no keys.
     *
     * @throws IllegalArgumentException if {@code json} is no JWKS
     */
    static Jwks parse(String json) {
        SimpleJwkFilter forSignatures = new SimpleJwkFilter();
        forSignatures.setUse(Use.SIGNATURE, SimpleJwkFilter.OMITTED_OKAY);
        forSignatures.setKeyOperations(new String[] {"verify"}, SimpleJwkFilter.OMITTED_OKAY);
        try {
            List<JsonWebKey> keys = forSignatures.filter(new JsonWebKeySet(json).getJsonWebKeys()).stream()
                    .filter(PublicJsonWebKey.class::isInstance)
                    .toList();
            return new Jwks(keys, keys.stream().map(JsonWebKey::getKey).collect(Collectors.toUnmodifiableSet()));
        } catch (JoseException | ClassCastException e) {
            throw new IllegalArgumentException("The document is no JWKS", e);
        }
    }

    /**
     * The only key that has the type and the algorithm of the token, and the key ID that it names. For a token without a key
     * ID, the set has to hold a single key.
     */
    Optional<Key> find(JsonWebSignature token) {
        SimpleJwkFilter filter = new SimpleJwkFilter();
        if (token.getKeyIdHeaderValue() != null) {
            filter.setKid(token.getKeyIdHeaderValue(), SimpleJwkFilter.VALUE_REQUIRED);
        } else if (keys.size() > 1) {
            return Optional.empty();
        }
        filter.setKty(keyType(token));
        filter.setAlg(token.getAlgorithmHeaderValue(), SimpleJwkFilter.OMITTED_OKAY);
        List<JsonWebKey> matches = filter.filter(keys);
        return matches.size() == 1 ? Optional.of(matches.get(0).getKey()) : Optional.empty();
    }

    private static String keyType(JsonWebSignature token) {
        try {
            return token.getAlgorithmNoConstraintCheck().getKeyType();
        } catch (JoseException e) {
            return "unknown";
        }
    }
}
