package consulting.lmx.conversation.security;

import java.util.List;
import java.util.Optional;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.lang.JoseException;

/** The keys of a JWKS that tokens may be signed by. */
record Jwks(List<TrustedKey> keys) {

    static final Jwks EMPTY = new Jwks(List.of());

    /**
     * What else stands in the set is left out: symmetric keys, those for encryption, other curves, and what is no key.
     *
     * @throws IllegalArgumentException where the text is no JWKS
     */
    static Jwks parse(String json) {
        try {
            return new Jwks(new JsonWebKeySet(json)
                    .getJsonWebKeys().stream()
                            .map(TrustedKey::of)
                            .flatMap(Optional::stream)
                            .toList());
        } catch (JoseException | ClassCastException e) {
            throw new IllegalArgumentException("it is no JWKS", e);
        }
    }

    /**
     * The one key that a token may be verified with: of the token's algorithm, and of the id that the token names. A token
     * that names none has a key only where the set holds a single one.
     */
    Optional<TrustedKey> find(TokenHeader token) {
        List<TrustedKey> fitting = keys.stream()
                .filter(key -> token.keyId().map(id -> id.equals(key.id())).orElse(keys.size() == 1))
                .filter(key -> key.algorithm().getAlgorithm().equals(token.algorithm()))
                .toList();
        return fitting.size() == 1 ? Optional.of(fitting.get(0)) : Optional.empty();
    }
}
