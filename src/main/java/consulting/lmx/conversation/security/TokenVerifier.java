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
 * Verifies tokens as SmallRye JWT does, with the key that the deployer gave as plain text ({@code AUTH_SECRET}), which
 * SmallRye's own properties do not take. Only HS256 passes, and only a token that has a subject and an expiry.
 */
@ApplicationScoped
@Alternative
@Priority(1)
public class TokenVerifier extends JWTCallerPrincipalFactory {

    private final JWTCallerPrincipalFactory verifier = new DefaultJWTCallerPrincipalFactory();
    private final Optional<SecretKey> secret;

    TokenVerifier(AuthConfig config) {
        this.secret =
                config.secret().map(text -> new SecretKeySpec(text.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
    }

    @Override
    public JWTCallerPrincipal parse(String token, JWTAuthContextInfo settings) throws ParseException {
        if (secret.isEmpty()) {
            throw new ParseException("No key to verify tokens with: set AUTH_SECRET");
        }
        JWTAuthContextInfo withKey = new JWTAuthContextInfo(settings);
        withKey.setSecretVerificationKey(secret.get());
        withKey.setSignatureAlgorithm(Set.of(SignatureAlgorithm.HS256));
        JWTCallerPrincipal principal = verifier.parse(token, withKey);
        if (Text.isBlank(principal.getSubject())) {
            throw new ParseException("The token's subject is blank");
        }
        return principal;
    }
}
