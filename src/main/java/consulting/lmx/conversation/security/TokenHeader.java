package consulting.lmx.conversation.security;

import java.util.Optional;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwx.JsonWebStructure;
import org.jose4j.lang.JoseException;

/** What a token says of how it is signed, before any of it can be trusted. */
record TokenHeader(String algorithm, Optional<String> keyId) {

    /** Empty where it is no signed token at all. */
    static Optional<TokenHeader> of(String token) {
        try {
            return JsonWebStructure.fromCompactSerialization(token) instanceof JsonWebSignature signed
                            && signed.getAlgorithmHeaderValue() != null
                    ? Optional.of(new TokenHeader(
                            signed.getAlgorithmHeaderValue(), Optional.ofNullable(signed.getKeyIdHeaderValue())))
                    : Optional.empty();
        } catch (JoseException | ClassCastException e) { // the library casts what a header holds without a look
            return Optional.empty();
        }
    }
}
