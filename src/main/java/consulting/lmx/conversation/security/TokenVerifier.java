package consulting.lmx.conversation.security;

import consulting.lmx.conversation.text.Text;
import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import io.smallrye.jwt.auth.principal.DefaultJWTCallerPrincipalFactory;
import io.smallrye.jwt.auth.principal.JWTAuthContextInfo;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipal;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipalFactory;
import io.smallrye.jwt.auth.principal.ParseException;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Alternative;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * Verifies tokens as SmallRye JWT does, with the key that the deployer gave: {@code AUTH_SECRET} as plain text, which
 * SmallRye's own properties do not take, or that of {@link TrustedKeys} which the token names. Each key is used with its own
 * algorithm alone, whatever the token says, and only a token that has a subject and an expiry passes. One that passed is
 * not verified again for as long as {@link VerifiedTokens} has it.
 */
@ApplicationScoped
@Alternative
@Priority(1)
public class TokenVerifier extends JWTCallerPrincipalFactory {

    private final JWTCallerPrincipalFactory verifier = new DefaultJWTCallerPrincipalFactory();
    private final Optional<SecretKey> secret;
    private final TrustedKeys keys;
    private final VerifiedTokens verified;
    private final Optional<String> issuer;

    TokenVerifier(AuthConfig config, TrustedKeys keys, VerifiedTokens verified) {
        this.secret =
                config.secret().map(text -> new SecretKeySpec(text.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        this.keys = keys;
        this.verified = verified;
        this.issuer = config.issuer();
    }

    @Override
    public JWTCallerPrincipal parse(String token, JWTAuthContextInfo settings) throws ParseException {
        Optional<JWTCallerPrincipal> known = verified.find(token);
        return known.isPresent() ? known.get() : verify(token, settings);
    }

    private JWTCallerPrincipal verify(String token, JWTAuthContextInfo settings) throws ParseException {
        TokenHeader header = TokenHeader.of(token).orElseThrow(() -> new ParseException("It is no signed token"));
        JWTAuthContextInfo withKey = new JWTAuthContextInfo(settings);
        withKey.setIssuedBy(issuer.orElse(null)); // in dev mode and tests the extension brings one of its own
        withKey.setRelaxVerificationKeyValidation(false); // a key that is too short is none
        Optional<TrustedKey> key = keys.find(header);
        if (keys.areInUse()) {
            TrustedKey trusted = key.orElseThrow(
                    () -> new ParseException("The token is signed by none of the keys of AUTH_JWKS_URL"));
            withKey.setPublicVerificationKey(trusted.key());
            withKey.setSignatureAlgorithm(Set.of(trusted.algorithm()));
        } else {
            withKey.setSecretVerificationKey(secret.orElseThrow(
                    () -> new ParseException("No key to verify tokens with: set AUTH_SECRET or AUTH_JWKS_URL")));
            withKey.setSignatureAlgorithm(Set.of(SignatureAlgorithm.HS256));
        }
        JWTCallerPrincipal principal = parseClaims(token, withKey);
        if (Text.isBlank(principal.getSubject())) {
            throw new ParseException("The token's subject is blank");
        }
        verified.keep(token, header, key, principal);
        return principal;
    }

    private JWTCallerPrincipal parseClaims(String token, JWTAuthContextInfo withKey) throws ParseException {
        try {
            return verifier.parse(token, withKey);
        } catch (ClassCastException | StackOverflowError e) { // the library casts and descends without a look
            throw new ParseException("The token's claims are of other types than belong there, or too deep", e);
        }
    }
}
